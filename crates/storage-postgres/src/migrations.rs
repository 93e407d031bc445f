//! The migrations, embedded in the program.

use std::time::Duration;

use diesel::{
    QueryableByName, RunQueryDsl as _,
    migration::MigrationSource,
    pg::Pg,
    sql_query,
    sql_types::{Bool, Nullable, Text},
};
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _,
    async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::oneshot;

use crate::{
    config::{DatabaseConfig, Purpose},
    error::{Source, StorageError},
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Only one migrator works on a database at a time; the others ask for this advisory lock again and again. Waiting
/// within the server would hold a snapshot, which an index that is built concurrently waits for.
const LOCK: &str = "SELECT pg_try_advisory_lock(7209113358402163441) AS taken";
/// How long a migrator waits before it asks again.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// A migration that would wait longer than this for a table fails, rather than hold up everybody behind it.
const TABLE_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// Brings the database up to date, and names the migrations that this took. Several may try at once.
///
/// # Errors
/// The database is away, or a migration fails; those before it stay.
pub async fn run(config: &DatabaseConfig) -> Result<Vec<String>, StorageError> {
    on_own_thread(config, |connection| {
        drop_broken_indexes(connection)?;
        let done = connection.run_pending_migrations(MIGRATIONS)?;
        Ok(done.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Names the migrations that the database has not had yet, the first one first. It only looks, so that a role without
/// the right to change the schema may ask.
///
/// # Errors
/// The database is away.
pub async fn pending(config: &DatabaseConfig) -> Result<Vec<String>, StorageError> {
    on_own_thread(config, |connection| {
        let applied = applied(connection)?;
        let all = MigrationSource::<Pg>::migrations(&MIGRATIONS)?;
        let names = all.iter().map(|migration| migration.name().version().to_string());
        let mut pending: Vec<String> = names.filter(|name| !applied.contains(name)).collect();
        pending.sort();
        Ok(pending)
    })
    .await
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
}

/// diesel's own question creates its table first.
fn applied(connection: &mut Connection) -> Result<Vec<String>, Source> {
    let mut names = |query: &str| -> Result<Vec<String>, Source> {
        let rows: Vec<Name> = sql_query(query).load(connection)?;
        Ok(rows.into_iter().filter_map(|row| row.name).collect())
    };
    if names("SELECT to_regclass('__diesel_schema_migrations')::text AS name")?.is_empty() {
        return Ok(Vec::new());
    }
    names("SELECT version::text AS name FROM __diesel_schema_migrations")
}

/// An index whose concurrent building broke off stays, costs every write and serves no question. The migration that
/// builds it runs again.
fn drop_broken_indexes(connection: &mut Connection) -> Result<(), Source> {
    let broken = "SELECT index.indexrelid::regclass::text AS name FROM pg_index AS index \
                  JOIN pg_class AS class ON class.oid = index.indexrelid \
                  WHERE NOT index.indisvalid AND class.relnamespace = current_schema()::regnamespace";
    let rows: Vec<Name> = sql_query(broken).load(connection)?;
    for name in rows.into_iter().filter_map(|row| row.name) {
        sql_query(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).execute(connection)?;
    }
    Ok(())
}

/// Takes every migration back, the latest first, and all data with them.
///
/// # Errors
/// The database is away, or a migration cannot be taken back.
pub async fn revert_all(config: &DatabaseConfig) -> Result<Vec<String>, StorageError> {
    on_own_thread(config, |connection| {
        let undone = connection.revert_all_migrations(MIGRATIONS)?;
        Ok(undone.iter().map(ToString::to_string).collect())
    })
    .await
}

#[derive(QueryableByName)]
struct Lock {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

async fn lock(connection: &mut AsyncPgConnection) -> Result<(), StorageError> {
    loop {
        let lock: Lock = diesel_async::RunQueryDsl::get_result(sql_query(LOCK), connection).await?;
        if lock.taken {
            return Ok(());
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
}

/// diesel's migrations block their thread, and panic on a runtime of one thread. So they get a thread and a runtime
/// of their own, whatever the caller runs on.
async fn on_own_thread<T: Send + 'static>(
    config: &DatabaseConfig,
    work: impl FnOnce(&mut Connection) -> Result<T, Source> + Send + 'static,
) -> Result<T, StorageError> {
    let address = config.connection_string(Purpose::Migration);
    let connect_timeout = config.connect_timeout;
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("migrations".to_owned())
        .spawn(move || {
            // Nobody listens any more where this fails.
            let _ = sender.send(with_connection(&address, connect_timeout, work));
        })
        .map_err(|error| StorageError::Migration(error.into()))?;
    receiver.await.unwrap_or_else(|_| {
        Err(StorageError::Migration(
            "the thread of the migrations has died".into(),
        ))
    })
}

fn with_connection<T>(
    address: &str,
    connect_timeout: Duration,
    work: impl FnOnce(&mut Connection) -> Result<T, Source>,
) -> Result<T, StorageError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| StorageError::Migration(error.into()))?;
    let connection = runtime.block_on(async {
        let mut connection = tokio::time::timeout(connect_timeout, AsyncPgConnection::establish(address))
            .await
            .map_err(|error| StorageError::Unavailable(error.into()))?
            .map_err(|error| StorageError::Unavailable(error.into()))?;
        lock(&mut connection).await?;
        let timeout = format!("SET lock_timeout = {}", TABLE_LOCK_TIMEOUT.as_millis());
        connection.batch_execute(&timeout).await?;
        Ok::<_, StorageError>(connection)
    })?;
    // The wrapper finds the runtime through this.
    let _entered = runtime.enter();
    let mut connection = Connection::from(connection);
    // The lock ends with the connection.
    work(&mut connection).map_err(StorageError::Migration)
}
