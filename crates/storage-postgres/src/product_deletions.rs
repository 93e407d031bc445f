//! The table `product_deletions`: what was deleted lately, for those who watch an account.

use std::time::Duration;

use diesel::{ExpressionMethods as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::Change;

use crate::{database::Database, error::StorageError, purge::rows_purge, schema::product_deletions};

/// How long it is remembered that a product was deleted.
pub const DELETIONS_KEPT: Duration = Duration::from_hours(7 * 24);

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
    rows_purge(database, PURGE, DELETIONS_KEPT).await
}
