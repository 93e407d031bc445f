use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection as _;
use domain::{Product, ProductDraft};
use storage_postgres::{Database, OutboxPart, StorageError, outbox_drain, product_get, product_update};
use testkit::{Mode, Proxy, eventually};
use tokio::{runtime::Builder, task::spawn_blocking};

use crate::support::{Room, draft, product, product_of};

const SOON: Duration = Duration::from_secs(20);

fn renamed(_: &Product) -> Result<ProductDraft, ()> {
    Ok(draft("Cup"))
}

#[tokio::test]
async fn a_check_succeeds_while_the_database_answers() {
    let room = Room::open().await;
    room.database.check().await.unwrap();
    assert_eq!(room.database.pool_usage().0, 0);
    let mut config = room.config();
    config.port = testkit::free_port();
    let error = Database::new(&config).unwrap().check().await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn lost_connections_are_replaced() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    room.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    let found = eventually(SOON, || async {
        match product_get(&room.database, created.account_id, created.id).await {
            Ok(found) => Some(found),
            Err(error) => {
                assert!(error.is_unavailable(), "{error:?}");
                None
            }
        }
    });
    assert_eq!(found.await, Some(created));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_the_connection_is_kept() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    let mut config = room.config();
    config.statement_timeout = Duration::from_millis(300);
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    let mut holder = room.connection().await;
    holder.batch_execute("BEGIN; LOCK TABLE products").await.unwrap();
    let error = product_update(&database, created.account_id, created.id, None, renamed)
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::TooBusy(_)), "{error:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    product_update(&database, created.account_id, created.id, None, renamed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pool_that_is_used_up_says_so_in_time() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    let mut config = room.config();
    config.connect_timeout = Duration::from_secs(1);
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    let mut holder = room.connection().await;
    holder.batch_execute("BEGIN; LOCK TABLE products").await.unwrap();
    let first = tokio::spawn({
        let database = database.clone();
        async move { product_get(&database, created.account_id, created.id).await }
    });
    eventually(SOON, || async { (database.pool_usage().0 == 1).then_some(()) }).await;
    let error = database.check().await.unwrap_err();
    assert!(matches!(error, StorageError::TooBusy(_)), "{error:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert!(first.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn work_that_is_dropped_does_not_hold_up_the_next() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    let mut config = room.config();
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    let mut holder = room.connection().await;
    holder.batch_execute("BEGIN; LOCK TABLE products").await.unwrap();
    let dropped = tokio::time::timeout(
        Duration::from_millis(300),
        product_get(&database, created.account_id, created.id),
    );
    dropped.await.unwrap_err();
    let start = Instant::now();
    database.check().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_in_time_and_found_again() {
    let room = Room::open().await;
    let created = room.create(&product("Mug")).await;
    let mut config = room.config();
    let proxy = Proxy::start(format!("{}:{}", config.host, config.port)).await;
    config.host = "127.0.0.1".to_owned();
    config.port = proxy.address().port();
    config.statement_timeout = Duration::from_millis(500);
    config.connect_timeout = Duration::from_secs(1);
    let database = Database::new(&config).unwrap();
    database.check().await.unwrap();

    proxy.set(Mode::Silent);
    let start = Instant::now();
    let error = product_get(&database, created.account_id, created.id)
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    let error = database.check().await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    proxy.set(Mode::Pass);
    assert!(
        product_get(&database, created.account_id, created.id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_connection_outlives_the_thread_that_needed_it_first() {
    let room = Room::open().await;
    room.create(&product_of(draft("Mug"), 1)).await;
    let mut config = room.config();
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let (ready, made) = tokio::sync::oneshot::channel();
    let other = database.clone();
    // As a web server's threads do, which end while other parts still work.
    let thread = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            other.check().await.unwrap();
            ready.send(()).unwrap();
            ended.await.unwrap();
        });
    });
    made.await.unwrap();
    let drained = outbox_drain(&database, OutboxPart::Ordinary, 10, async |rows| {
        end.send(()).unwrap();
        spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        vec![true; rows.len()]
    });
    assert_eq!(drained.await.unwrap().published, 1);
}
