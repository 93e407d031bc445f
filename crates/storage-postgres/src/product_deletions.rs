//! The table `product_deletions`: what was deleted lately, for those who watch an account.

use std::time::Duration;

use diesel::{
    ExpressionMethods as _, QueryResult, sql_query,
    sql_types::{BigInt, Interval},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::Change;

use crate::{
    database::Database,
    error::{StorageError, fit},
    lease::End,
    reconciler::interval,
    schema::product_deletions,
};

/// How long it is remembered that a product was deleted.
pub const DELETIONS_KEPT: Duration = Duration::from_hours(7 * 24);

/// How many rows one statement purges.
const PURGE_BATCH: i64 = 1_000;

const PURGE: &str = "DELETE FROM product_deletions WHERE (account_id, deleted_at, product_id) IN ( \
    SELECT account_id, deleted_at, product_id FROM product_deletions WHERE deleted_at < now() - $1 \
    ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Notes a deletion, at the time of the transaction.
pub(crate) async fn product_deletion_insert_in_txn(
    connection: &AsyncPgConnection,
    change: &Change,
) -> QueryResult<()> {
    let insert = diesel::insert_into(product_deletions::table).values((
        product_deletions::account_id.eq(change.account_id.uuid()),
        product_deletions::product_id.eq(change.product_id.uuid()),
        product_deletions::version.eq(change.version),
    ));
    insert.execute(&mut &*connection).await?;
    Ok(())
}

/// Forgets what was deleted longer than [`DELETIONS_KEPT`] ago, a bounded number in each statement. Counts it.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_deletions_purge(database: &Database) -> Result<usize, StorageError> {
    let mut purged = 0;
    loop {
        let lease = database.lease().await?;
        let delete = sql_query(PURGE)
            .bind::<Interval, _>(interval(DELETIONS_KEPT))
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
