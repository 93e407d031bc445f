//! What the reconciler needs besides its work: that it is alone, and that the work is not merely waiting.

use std::{fmt, time::Duration};

use diesel::{
    ExpressionMethods as _, IntoSql as _, QueryDsl as _,
    data_types::PgInterval,
    dsl::exists,
    sql_types::{Interval, Timestamptz},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};

use crate::{
    config::{DatabaseConfig, Purpose},
    database::Database,
    error::StorageError,
    expression::{IsMessage, pg_try_advisory_xact_lock},
    lease::bounded,
    outbox::JOBS,
    schema::outbox,
};

/// Only one reconciler of all replicas works at a time.
const LOCK: i64 = 7_209_113_358_402_163_442;

/// The right to be the only reconciler of all processes, until it is dropped.
///
/// It is a lock in an open transaction on a connection of its own, so it takes none from the pool. Should the connection
/// be lost, another process may begin, so whatever is done meanwhile must bear to be done twice.
pub struct ReconcilerLock {
    _connection: AsyncPgConnection,
}

impl ReconcilerLock {
    /// Takes the lock, at most for `limit`: then the server ends it, even if this process is frozen. None where another
    /// process has it.
    ///
    /// # Errors
    /// The database is away.
    pub async fn take(config: &DatabaseConfig, limit: Duration) -> Result<Option<Self>, StorageError> {
        let address = config.connection_string(Purpose::Service);
        let begin = format!(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = {}",
            limit.as_millis()
        );
        let take = async {
            let mut connection = AsyncPgConnection::establish(&address)
                .await
                .map_err(|error| StorageError::Unavailable(error.into()))?;
            connection.batch_execute(&begin).await?;
            let taken: bool = diesel::select(pg_try_advisory_xact_lock(LOCK))
                .get_result(&mut connection)
                .await?;
            Ok(taken.then_some(Self {
                _connection: connection,
            }))
        };
        bounded(config.connect_timeout, take).await
    }
}

impl fmt::Debug for ReconcilerLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReconcilerLock").finish_non_exhaustive()
    }
}

/// True where a job has waited longer than `patience` to be published.
///
/// # Errors
/// See [`StorageError`].
pub async fn jobs_held_up(database: &Database, patience: Duration) -> Result<bool, StorageError> {
    let lease = database.lease().await?;
    let latest = diesel::dsl::now.into_sql::<Timestamptz>() - interval(patience).into_sql::<Interval>();
    let held_up = outbox::table
        .filter(IsMessage)
        .filter(outbox::work.eq(JOBS))
        .filter(outbox::created_at.lt(latest));
    let question = diesel::select(exists(held_up));
    lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await
}

pub(crate) fn interval(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}
