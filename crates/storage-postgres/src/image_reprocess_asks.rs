//! Asking again for ready images that were to be made again, and that nobody has answered for.

use std::time::Duration;

use diesel::{
    ExpressionMethods as _, IntoSql as _, QueryDsl as _,
    dsl::exists,
    sql_query,
    sql_types::{Array, BigInt, Integer, Interval, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures_util::future::join;
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    expression::IsBackfill,
    image_asks::{ASKS_MAX, SilentImage, StuckImages},
    image_reprocess_end::ReprocessRow,
    lease::End,
    outbox_write::outbox_insert_in_txn,
    reconciler::interval,
    schema::outbox,
};

const STUCK: &str = "SELECT id, account_id, product_id, reprocess_generation AS generation, reprocess_asks AS asks, \
    source_url, source_key, original_key FROM images \
    WHERE reprocess_silent_since < now() - $1 * power(2, least(reprocess_asks, $2)) \
    ORDER BY reprocess_silent_since, id LIMIT $3 FOR UPDATE SKIP LOCKED";

const NOTE: &str = "UPDATE images SET reprocess_silent_since = now(), reprocess_asks = reprocess_asks + 1 WHERE id = ANY($1)";

/// As [`crate::images_stuck_ask`], of ready images that are to be made again.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_stuck_ask(
    database: &Database,
    silence: Duration,
    limit: u16,
) -> Result<StuckImages, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let rows: Vec<ReprocessRow> = sql_query(STUCK)
                .bind::<Interval, _>(interval(silence))
                .bind::<Integer, _>(ASKS_MAX)
                .bind::<BigInt, _>(i64::from(limit))
                .load(&mut &*connection)
                .await?;
            let (silent, stuck): (Vec<ReprocessRow>, Vec<ReprocessRow>) =
                rows.into_iter().partition(|row| row.asks >= ASKS_MAX);
            let ids: Vec<Uuid> = stuck.iter().map(|row| row.id).collect();
            let outcome = StuckImages {
                asked: ids.len(),
                silent: silent.iter().map(silent_read).collect::<Result<_, _>>()?,
            };
            if ids.is_empty() {
                return Ok(End::Rollback(outcome));
            }
            let jobs = stuck
                .into_iter()
                .map(ReprocessRow::job)
                .collect::<Result<Vec<_>, _>>()?;
            let note = sql_query(NOTE).bind::<Array<SqlUuid>, _>(ids);
            let noted = note.execute(&mut &*connection);
            let (noted, inserted) = join(noted, outbox_insert_in_txn(connection, &jobs)).await;
            noted?;
            inserted?;
            Ok(End::Commit(outcome))
        })
        .await
}

fn silent_read(row: &ReprocessRow) -> Result<SilentImage, StorageError> {
    Ok(SilentImage {
        product_id: row.product_id.into(),
        image_id: row.id.into(),
        generation: row.generation,
        attempts: 0,
        asks: fit("images.reprocess_asks", row.asks.saturating_add(1))?,
    })
}

/// True while messages of the backfill wait to be published that are not held back.
///
/// # Errors
/// See [`StorageError`].
pub async fn backfill_held_up(database: &Database) -> Result<bool, StorageError> {
    let lease = database.lease().await?;
    let now = diesel::dsl::now.into_sql::<Timestamptz>();
    let due = outbox::table
        .filter(IsBackfill)
        .filter(outbox::available_at.le(now));
    let question = diesel::select(exists(due));
    lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await
}
