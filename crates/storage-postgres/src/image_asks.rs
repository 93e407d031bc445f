//! Asking again for images that nobody has answered for.

use std::time::Duration;

use diesel::{
    ExpressionMethods as _, IntoSql as _, QueryDsl as _, QueryResult, QueryableByName, sql_query,
    sql_types::{BigInt, Integer, Interval, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{ImageId, ProductId};
use futures_util::future::join;
use messages::{ImageProcessV1, Job};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    image_restart::source_of,
    lease::End,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    reconciler::interval,
    schema::images,
};

/// How often an image is asked for again before it is given up. Each time waits twice as long as the one before.
pub const ASKS_MAX: i32 = 5;

/// What a look for images without an answer has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StuckImages {
    /// How many were asked for again.
    pub asked: usize,
    /// Those that were asked for [`ASKS_MAX`] times in vain, and are to be given up.
    pub silent: Vec<SilentImage>,
}

/// An image that no asking helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SilentImage {
    /// The product that shows it.
    pub product_id: ProductId,
    /// The image.
    pub image_id: ImageId,
    /// The generation that was asked for.
    pub generation: i32,
    /// The last attempt of a worker that was heard of; 0 where there was none.
    pub attempts: u32,
    /// How often it was asked for, the first time included.
    pub asks: u32,
}

const STUCK: &str = "SELECT id, account_id, product_id, generation, attempts, asks, source_url, source_key FROM images \
    WHERE status IN ('pending', 'processing') \
    AND greatest(updated_at, asked_at) < now() - $1 \
    AND greatest(updated_at, asked_at) < now() - $1 * power(2, least(asks, $2)) \
    ORDER BY greatest(updated_at, asked_at), id LIMIT $3 FOR UPDATE SKIP LOCKED";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    product_id: Uuid,
    #[diesel(sql_type = Integer)]
    generation: i32,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    asks: i32,
    #[diesel(sql_type = Nullable<Text>)]
    source_url: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    source_key: Option<String>,
}

/// Asks again, of the same generation, for up to `limit` unfinished images without news for `silence`, the longest
/// silent first: an answer to either job is an answer to both. The wait doubles with each asking.
///
/// Images that another process looks at are passed over. Neither an image nor its product changes by this.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_stuck_ask(
    database: &Database,
    silence: Duration,
    limit: u16,
) -> Result<StuckImages, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let rows: Vec<Row> = sql_query(STUCK)
                .bind::<Interval, _>(interval(silence))
                .bind::<Integer, _>(ASKS_MAX)
                .bind::<BigInt, _>(i64::from(limit))
                .load(&mut &*connection)
                .await?;
            let (silent, stuck): (Vec<Row>, Vec<Row>) =
                rows.into_iter().partition(|row| row.asks >= ASKS_MAX);
            let silent = silent.iter().map(silent_read).collect::<Result<_, _>>()?;
            let ids: Vec<Uuid> = stuck.iter().map(|row| row.id).collect();
            let outcome = StuckImages {
                asked: ids.len(),
                silent,
            };
            if ids.is_empty() {
                return Ok(End::Rollback(outcome));
            }
            let jobs = stuck.into_iter().map(job).collect::<Result<Vec<_>, _>>()?;
            let (noted, inserted) = join(
                asks_note_in_txn(connection, ids),
                outbox_insert_in_txn(connection, &jobs),
            )
            .await;
            noted?;
            inserted?;
            Ok(End::Commit(outcome))
        })
        .await
}

fn job(row: Row) -> Result<OutboxEntry, StorageError> {
    let account_id = row.account_id.into();
    let job = Job::Process(ImageProcessV1 {
        account_id,
        product_id: row.product_id.into(),
        image_id: row.id.into(),
        generation: row.generation,
        source: source_of(row.source_url, row.source_key)?,
    });
    OutboxEntry::new(Some(account_id), &job, &Cause::default())
}

fn silent_read(row: &Row) -> Result<SilentImage, StorageError> {
    Ok(SilentImage {
        product_id: row.product_id.into(),
        image_id: row.id.into(),
        generation: row.generation,
        attempts: fit("images.attempts", row.attempts)?,
        asks: fit("images.asks", row.asks.saturating_add(1))?,
    })
}

async fn asks_note_in_txn(connection: &AsyncPgConnection, ids: Vec<Uuid>) -> QueryResult<()> {
    diesel::update(images::table.filter(images::id.eq_any(ids)))
        .set((
            images::asked_at.eq(diesel::dsl::now.into_sql::<Timestamptz>()),
            images::asks.eq(images::asks + 1),
        ))
        .execute(&mut &*connection)
        .await?;
    Ok(())
}
