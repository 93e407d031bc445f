//! The table `outbox`: messages that wait to be published, and products that wait to be taken out of the cache
//! ([`crate::invalidations`]).
//!
//! A row is written in the transaction of what it tells, and deleted when it has been carried out. So a crash can do
//! so twice, and can lose none.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, QueryDsl as _, Queryable, Selectable,
    SelectableHelper as _,
    dsl::{count_star, min},
    pg::Pg,
    sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use messages::{Envelope, Work};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::{IsBackfill, IsMessage},
    lease::{End, bounded},
    schema::outbox,
};

/// The longest that rows are held while they are published. Publishing has timeouts of its own, far below this.
const PUBLISH_LIMIT: Duration = Duration::from_secs(120);

/// A message that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number, in about the order of writing.
    pub id: i64,
    /// The kind of work, which names the exchange and the routing key.
    pub work: Work,
    /// AMQP `type`.
    pub type_name: String,
    /// Properties and headers.
    pub envelope: Envelope,
    /// The bytes to publish.
    pub body: Vec<u8>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// The messages that a drain is for. Each part is drained by itself, so that neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxPart {
    /// Those of all works but the backfill.
    Ordinary,
    /// Those of the backfill that are due.
    Backfill,
}

/// What one turn of draining did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Rows handed to the publisher.
    pub claimed: usize,
    /// Rows that it confirmed, and that are deleted.
    pub published: usize,
}

/// How far the outbox is behind with what is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// Rows that wait.
    pub depth: i64,
    /// How long the oldest has been waiting.
    pub oldest_age: Option<Duration>,
}

/// Hands up to `limit` of the oldest messages of `part` to `publish`, and deletes those for which it answers true, in
/// their order; a missing answer is a no. Rows that another drain holds are passed over, so any number may run side by
/// side; so are rows of works that this version does not know.
///
/// # Errors
/// See [`StorageError`]. Rows that were published meanwhile are published again by the next drain.
pub async fn outbox_drain<P, F>(
    database: &Database,
    part: OutboxPart,
    limit: u16,
    publish: P,
) -> Result<Drained, StorageError>
where
    P: FnOnce(Vec<OutboxRow>) -> F,
    F: Future<Output = Vec<bool>>,
{
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact_within(PUBLISH_LIMIT, async {
            let patience = database.statement_timeout();
            let rows = bounded(patience, outbox_lock_in_txn(connection, part, limit)).await?;
            if rows.is_empty() {
                return Ok(End::Rollback(Drained::default()));
            }
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let confirmed = publish(rows).await;
            let done: Vec<i64> = ids
                .iter()
                .zip(confirmed)
                .filter_map(|(id, confirmed)| confirmed.then_some(*id))
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

/// Counts the messages that wait, except for those that are held back. This reads all of them.
///
/// # Errors
/// See [`StorageError`].
pub async fn outbox_stats(database: &Database) -> Result<OutboxStats, StorageError> {
    let lease = database.lease().await?;
    let count = outbox::table
        .filter(IsMessage.or(IsBackfill))
        .filter(outbox::available_at.le(now()))
        .select((count_star(), min(outbox::available_at)));
    let now = diesel::select(now());
    lease
        .run(async {
            let mut connection = lease.connection();
            let counted = count.get_result::<(i64, Option<DateTime<Utc>>)>(&mut connection);
            let mut connection = lease.connection();
            let now = now.get_result::<DateTime<Utc>>(&mut connection);
            let ((depth, oldest), now) = futures_util::future::try_join(counted, now).await?;
            Ok(OutboxStats {
                depth,
                oldest_age: oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default()),
            })
        })
        .await
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(Pg))]
struct Row {
    id: i64,
    work: String,
    type_name: String,
    message_id: Uuid,
    correlation_id: Uuid,
    request_id: Option<String>,
    traceparent: Option<String>,
    body: Vec<u8>,
    created_at: DateTime<Utc>,
}

async fn outbox_lock_in_txn(
    connection: &AsyncPgConnection,
    part: OutboxPart,
    limit: u16,
) -> Result<Vec<OutboxRow>, StorageError> {
    macro_rules! lock {
        ($condition:expr, $order:expr) => {
            outbox::table
                .filter($condition)
                .select(Row::as_select())
                .order($order)
                .limit(limit.into())
                .for_update()
                .skip_locked()
                .load::<Row>(&mut &*connection)
                .await?
        };
    }
    let rows = match part {
        OutboxPart::Ordinary => lock!(IsMessage, outbox::id.asc()),
        OutboxPart::Backfill => {
            let due = IsBackfill.and(outbox::available_at.le(now()));
            lock!(due, (outbox::available_at.asc(), outbox::id.asc()))
        }
    };
    rows.into_iter().map(row_read).collect()
}

fn row_read(row: Row) -> Result<OutboxRow, StorageError> {
    let work = work_from_word(&row.work)
        .ok_or_else(|| StorageError::value("outbox.work", format!("{:?} is no kind of work", row.work)))?;
    Ok(OutboxRow {
        id: row.id,
        work,
        type_name: row.type_name,
        envelope: Envelope {
            message_id: row.message_id,
            correlation_id: row.correlation_id,
            timestamp: row.created_at,
            attempt: 1,
            request_id: row.request_id,
            traceparent: row.traceparent,
        },
        body: row.body,
        created_at: row.created_at,
    })
}

pub(crate) fn now() -> diesel::helper_types::AsExprOf<diesel::dsl::now, Timestamptz> {
    diesel::dsl::now.into_sql::<Timestamptz>()
}

/// The word of jobs in the column `work`.
pub(crate) const JOBS: &str = "jobs";

pub(crate) const fn work_word(work: Work) -> &'static str {
    match work {
        Work::Jobs => JOBS,
        Work::Results => "results",
        Work::Backfill => "backfill",
    }
}

fn work_from_word(word: &str) -> Option<Work> {
    Work::ALL.into_iter().find(|work| work_word(*work) == word)
}
