//! Changes that wait to reach the cache and those who watch: rows of the outbox of their own kind.
//!
//! Whoever changes a product tells both after the commit. The row is for when that does not happen, because the process
//! has ended or Redis is away: it stays until some process has carried it out.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _, dsl::max};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{Change, ChangeEvent, ImageId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::IsInvalidation,
    lease::{End, bounded},
    outbox::Drained,
    schema::outbox,
};

/// The word of these rows in the column `work`.
pub(crate) const WORK: &str = "cache";
/// What they are called in the column `type_name`.
pub(crate) const TYPE_NAME: &str = "product.changed.v1";

/// The longest that rows are held while they are carried out. The cache has timeouts of its own, far below this.
const CARRY_OUT_LIMIT: Duration = Duration::from_secs(30);

/// Hands up to `limit` of the oldest of these changes to `carry_out`, and deletes those for which it answers true, in their
/// order; a missing answer is a no. Rows that another drain holds are passed over, so any number may run side by side.
///
/// # Errors
/// See [`StorageError`]. What was carried out meanwhile is carried out again by the next drain.
pub async fn invalidations_drain<C, F>(
    database: &Database,
    limit: u16,
    carry_out: C,
) -> Result<Drained, StorageError>
where
    C: FnOnce(Vec<Change>) -> F,
    F: Future<Output = Vec<bool>>,
{
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact_within(CARRY_OUT_LIMIT, async {
            let patience = database.statement_timeout();
            let (ids, rows) = bounded(patience, invalidations_lock_in_txn(connection, limit)).await?;
            if ids.is_empty() {
                return Ok(End::Rollback(Drained::default()));
            }
            let carried_out = carry_out(rows).await;
            let done: Vec<i64> = ids
                .iter()
                .zip(carried_out)
                .filter_map(|(id, done)| done.then_some(*id))
                .collect();
            let drained = Drained {
                claimed: ids.len(),
                published: done.len(),
            };
            if done.is_empty() {
                return Ok(End::Rollback(drained));
            }
            let delete =
                diesel::delete(outbox::table.filter(outbox::id.eq_any(done))).execute(&mut &*connection);
            bounded(patience, async { Ok(delete.await?) }).await?;
            Ok(End::Commit(drained))
        })
        .await
}

/// The newest invalidation that waits; none where none does.
///
/// # Errors
/// See [`StorageError`].
pub async fn invalidations_newest(database: &Database) -> Result<Option<i64>, StorageError> {
    let lease = database.lease().await?;
    let question = outbox::table.filter(IsInvalidation).select(max(outbox::id));
    lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await
}

/// True while an invalidation waits that is no newer than `newest`, also one that another drain has not finished with.
/// While there are always some, this still ends.
///
/// # Errors
/// See [`StorageError`].
pub async fn invalidations_pending(database: &Database, newest: i64) -> Result<bool, StorageError> {
    let lease = database.lease().await?;
    let waiting = outbox::table.filter(IsInvalidation).filter(outbox::id.le(newest));
    let question = diesel::select(diesel::dsl::exists(waiting));
    lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await
}

/// The body of a row. The release before wrote, and reads, the version alone.
pub(crate) fn encode(change: &Change) -> Result<Vec<u8>, StorageError> {
    let image_id = change.image_id.map(ImageId::uuid);
    let body = json!({"version": change.version, "event": change.event.as_str(), "image_id": image_id});
    serde_json::to_vec(&body).map_err(|error| StorageError::value("an invalidation", error))
}

type Row = (i64, Option<Uuid>, Uuid, Vec<u8>, DateTime<Utc>);

async fn invalidations_lock_in_txn(
    connection: &AsyncPgConnection,
    limit: u16,
) -> Result<(Vec<i64>, Vec<Change>), StorageError> {
    let rows: Vec<Row> = outbox::table
        .filter(IsInvalidation)
        .select((
            outbox::id,
            outbox::account_id,
            outbox::correlation_id,
            outbox::body,
            outbox::created_at,
        ))
        .order(outbox::id.asc())
        .limit(limit.into())
        .for_update()
        .skip_locked()
        .load(&mut &*connection)
        .await?;
    let ids = rows.iter().map(|row| row.0).collect();
    let changes = rows.into_iter().map(change_read).collect::<Result<_, _>>()?;
    Ok((ids, changes))
}

fn change_read((_, account_id, product_id, body, written_at): Row) -> Result<Change, StorageError> {
    let unreadable = |what: &str| StorageError::value("an invalidation", what.to_owned());
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| StorageError::value("an invalidation", error))?;
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    // A later release may have written a word that is not known here.
    let event = text("event").and_then(|word| word.parse().ok());
    Ok(Change {
        event: event.unwrap_or(ChangeEvent::ProductUpdated),
        account_id: account_id
            .ok_or_else(|| unreadable("it names no account"))?
            .into(),
        product_id: product_id.into(),
        version: body
            .get("version")
            .and_then(Value::as_i64)
            .ok_or_else(|| unreadable("it names no version"))?,
        image_id: text("image_id").and_then(|id| id.parse().ok()),
        // Both are the beginning of the transaction.
        changed_at: Some(written_at),
    })
}
