//! What keeps the table `webhook_deliveries` small, and how much of it waits.

use std::time::Duration;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Double, Nullable},
};
use diesel_async::RunQueryDsl as _;

use crate::{database::Database, error::StorageError, purge::rows_purge};

const PURGE: &str = "DELETE FROM webhook_deliveries WHERE (endpoint_id, id) IN ( \
    SELECT endpoint_id, id FROM webhook_deliveries WHERE coalesce(ended_at, due_at) < now() - $1 \
    ORDER BY coalesce(ended_at, due_at) LIMIT $2 FOR UPDATE SKIP LOCKED)";

const WAITING: &str = "SELECT count(*) AS count, \
    (extract(epoch FROM now() - min(due_at)))::double precision AS oldest_seconds \
    FROM webhook_deliveries AS delivery JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id \
    WHERE delivery.status = 'pending' AND endpoint.enabled";

/// What waits at endpoints that are enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WaitingDeliveries {
    /// How many, those for their next attempt included.
    pub count: i64,
    /// For how many seconds the longest due is so; 0 where none is.
    pub oldest_seconds: f64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<Double>)]
    oldest_seconds: Option<f64>,
}

/// Deletes deliveries that ended longer than `retention` ago, or were due for so long at an endpoint that is disabled or
/// gone; a bounded number in each statement. Counts them.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_deliveries_purge(
    database: &Database,
    retention: Duration,
) -> Result<usize, StorageError> {
    rows_purge(database, PURGE, retention).await
}

/// Counts what waits. This reads all of it.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_deliveries_waiting(database: &Database) -> Result<WaitingDeliveries, StorageError> {
    let lease = database.lease().await?;
    let row: Row = lease
        .run(async { Ok(sql_query(WAITING).get_result(&mut lease.connection()).await?) })
        .await?;
    Ok(WaitingDeliveries {
        count: row.count,
        oldest_seconds: row.oldest_seconds.unwrap_or_default().max(0.0),
    })
}
