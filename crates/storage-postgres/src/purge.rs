//! Deleting what has been kept for long enough.

use std::time::Duration;

use diesel::{
    sql_query,
    sql_types::{BigInt, Interval},
};
use diesel_async::RunQueryDsl as _;

use crate::{
    database::Database,
    error::{StorageError, fit},
    lease::End,
    reconciler::interval,
};

/// How many rows one statement purges.
const PURGE_BATCH: i64 = 1_000;

/// Deletes by `delete`, whose parameters are an age and how many rows to take at once, until it finds fewer. Each batch is
/// a transaction of its own, so that none takes long. Counts them all.
pub(crate) async fn rows_purge(
    database: &Database,
    delete: &str,
    age: Duration,
) -> Result<usize, StorageError> {
    let mut purged = 0;
    loop {
        let lease = database.lease().await?;
        let delete = sql_query(delete)
            .bind::<Interval, _>(interval(age))
            .bind::<BigInt, _>(PURGE_BATCH);
        let batch = lease
            .transact(async { Ok(End::Commit(delete.execute(&mut lease.connection()).await?)) })
            .await?;
        purged += batch;
        if fit::<_, i64>("a count", batch)? < PURGE_BATCH {
            return Ok(purged);
        }
    }
}
