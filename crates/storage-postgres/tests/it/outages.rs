use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use diesel_async::SimpleAsyncConnection as _;
use domain::{AccountId, ProductId};
use futures_util::future::join_all;
use storage_postgres::{Database, DatabaseConfig, OutboxPart, StorageError, outbox_drain, product_get};
use testkit::{Mode, Proxy, TestDatabase, eventually};
use tokio::task::JoinSet;

use crate::support::{Room, draft, product_of};

const SOON: Duration = Duration::from_secs(20);

/// A call like any other.
async fn call(database: &Database) -> Result<(), StorageError> {
    let found = product_get(database, AccountId::DEFAULT, ProductId::generate()).await?;
    assert_eq!(found, None);
    Ok(())
}

/// True where the server was not asked.
fn is_refused_at_once(error: &StorageError) -> bool {
    assert!(error.is_unavailable(), "{error:?}");
    error.source().unwrap().to_string().contains("left alone")
}

/// A database that is known to be away, because its server turns everybody away.
async fn away() -> (TestDatabase, Database) {
    let server = TestDatabase::create().await;
    let database = Database::new(&server.config()).unwrap();
    for outcome in join_all((0..10).map(|_| call(&database))).await {
        outcome.unwrap();
    }
    server.refuse_connections().await;
    eventually(SOON, || async {
        is_refused_at_once(&call(&database).await.unwrap_err()).then_some(())
    })
    .await;
    (server, database)
}

/// A line to the server, and settings that go through it.
async fn line(room: &Room) -> (Proxy, DatabaseConfig) {
    let mut config = room.config();
    let proxy = Proxy::start(format!("{}:{}", config.host, config.port)).await;
    config.host = "127.0.0.1".to_owned();
    config.port = proxy.address().port();
    (proxy, config)
}

#[tokio::test]
async fn while_the_server_is_away_calls_fail_at_once() {
    let (_server, database) = away().await;
    let start = Instant::now();
    for _ in 0..2_000 {
        assert!(call(&database).await.unwrap_err().is_unavailable());
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn soon_after_the_server_is_back_every_call_succeeds_again() {
    let (server, database) = away().await;
    server.accept_connections().await;
    let back = Instant::now();
    eventually(SOON, || async { call(&database).await.ok() }).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    for _ in 0..5 {
        for outcome in join_all((0..10).map(|_| call(&database))).await {
            outcome.unwrap();
        }
    }
}

#[tokio::test]
async fn a_check_that_succeeds_ends_the_outage() {
    let (server, database) = away().await;
    database.check().await.unwrap_err();
    server.accept_connections().await;
    database.check().await.unwrap();
    call(&database).await.unwrap();
}

#[tokio::test]
async fn of_connections_that_died_without_a_word_one_call_is_enough_to_drop_all() {
    let room = Room::open().await;
    let (proxy, mut config) = line(&room).await;
    config.application_name = "line".to_owned();
    config.statement_timeout = Duration::from_millis(300);
    let database = Database::new(&config).unwrap();
    for outcome in join_all((0..5).map(|_| call(&database))).await {
        outcome.unwrap();
    }
    let connections = async || {
        room.number("SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'line'")
            .await
    };
    assert_eq!(connections().await, 5);
    proxy.set(Mode::Silent);
    call(&database).await.unwrap_err();
    eventually(SOON, || async { (connections().await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_call_on_a_dead_connection_ends_soon_after_the_server_is_found_again() {
    let room = Room::open().await;
    let (proxy, mut config) = line(&room).await;
    config.statement_timeout = Duration::from_secs(120);
    config.connect_timeout = Duration::from_secs(1);
    let database = Database::new(&config).unwrap();
    database.check().await.unwrap();
    proxy.set(Mode::Silent);
    let hanging = call(&database);
    let meanwhile = async {
        // The others must connect, in vain.
        eventually(SOON, || async {
            let outcomes = join_all((0..9).map(|_| call(&database))).await;
            let refused = outcomes
                .into_iter()
                .any(|outcome| is_refused_at_once(&outcome.unwrap_err()));
            refused.then_some(())
        })
        .await;
        proxy.set(Mode::Pass);
        eventually(SOON, || async { call(&database).await.ok() }).await;
    };
    let both = async { tokio::join!(hanging, meanwhile) };
    let (lost, ()) = tokio::time::timeout(SOON * 2, both).await.unwrap();
    let error = lost.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn when_too_many_wait_for_a_connection_the_next_is_refused_at_once() {
    let room = Room::open().await;
    let mut config = room.config();
    config.connect_timeout = Duration::from_secs(60);
    config.statement_timeout = Duration::from_secs(60);
    config.pool_size = 1;
    let database = Database::new(&config).unwrap();
    database.check().await.unwrap();
    let mut holder = room.connection().await;
    holder.batch_execute("BEGIN; LOCK TABLE products").await.unwrap();
    // One has the connection, 32 wait for it.
    let mut calls = JoinSet::new();
    for _ in 0..34 {
        let database = database.clone();
        calls.spawn(async move { call(&database).await });
    }
    let first = tokio::time::timeout(SOON, calls.join_next()).await.unwrap();
    let refused = first.unwrap().unwrap();
    assert!(matches!(refused, Err(StorageError::TooBusy(_))), "{refused:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    for outcome in calls.join_all().await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn a_drain_whose_connection_died_without_a_word_does_not_wait_as_long_as_publishing_may() {
    let room = Room::open().await;
    room.create(&product_of(draft("Mug"), 1)).await;
    let (proxy, mut config) = line(&room).await;
    config.statement_timeout = Duration::from_millis(500);
    let database = Database::new(&config).unwrap();
    let draining = outbox_drain(&database, OutboxPart::Ordinary, 10, async |rows| {
        proxy.set(Mode::Silent);
        vec![false; rows.len()]
    });
    let drained = tokio::time::timeout(SOON, draining).await.unwrap();
    assert!(drained.unwrap_err().is_unavailable());
}
