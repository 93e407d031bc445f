//! Having images that are ready made again, a page and a batch at a time.

use chrono::{DateTime, Utc};
use diesel::{
    IntoSql as _, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use domain::{AccountId, ImageFormat, ImageId};
use futures_util::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    database::Database, error::StorageError, image_reprocess_end::ReprocessRow, lease::End,
    outbox_write::outbox_insert_in_txn,
};

/// Which of the images that are ready are made again. Those that are under way never are, nor those that this run has
/// asked for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReprocessChoice {
    /// When the run began, by [`images_reprocess_begin`]; it stands for the run.
    pub run: DateTime<Utc>,
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those that were added then or later.
    pub since: Option<DateTime<Utc>>,
    /// Which variants they have now.
    pub stored: StoredVariants,
}

/// Which variants an image has that is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredVariants {
    /// It lacks the variant of this name in one of these formats.
    Lacking {
        /// The name of the variant.
        name: String,
        /// Its formats.
        formats: Vec<ImageFormat>,
    },
    /// Any, made before this time.
    MadeBefore(DateTime<Utc>),
}

impl StoredVariants {
    /// What an image's variants contain unless they lack something.
    pub(crate) fn wanted(&self) -> Option<Value> {
        match self {
            Self::Lacking { name, formats } => formats
                .iter()
                .map(|format| json!({"name": name, "format": format.as_str()}))
                .collect::<Vec<_>>()
                .into(),
            Self::MadeBefore(_) => None,
        }
        .map(Value::Array)
    }

    const fn made_before(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Lacking { .. } => None,
            Self::MadeBefore(time) => Some(*time),
        }
    }
}

/// Some images that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReprocessPage {
    /// Those that the choice includes.
    pub wanted: Vec<ImageId>,
    /// The last that was looked at, after which the next page begins; none where there was nothing left.
    pub last: Option<ImageId>,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedToReprocess {
    /// Images whose jobs are in the outbox.
    pub asked: usize,
    /// Images that were held by somebody, or have changed; a further look decides about them.
    pub passed_over: usize,
}

/// The beginning of a run, by the clock of the database.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_begin(database: &Database) -> Result<DateTime<Utc>, StorageError> {
    let lease = database.lease().await?;
    let now = diesel::select(diesel::dsl::now.into_sql::<Timestamptz>());
    lease
        .run(async { Ok(now.get_result(&mut lease.connection()).await?) })
        .await
}

const PAGE: &str = "SELECT id, status = 'ready' AND reprocess_silent_since IS NULL \
    AND (reprocess_run IS NULL OR reprocess_run < $3) \
    AND ($4 IS NULL OR account_id = $4) AND ($5 IS NULL OR created_at >= $5) \
    AND ($6 IS NULL OR coalesce(made_at, updated_at) < $6) AND ($7 IS NULL OR NOT variants @> $7) AS wanted \
    FROM (SELECT * FROM images WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2) AS images ORDER BY id";

#[derive(QueryableByName)]
pub(crate) struct Looked {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    wanted: bool,
}

impl ReprocessPage {
    pub(crate) fn of(looked: &[Looked]) -> Self {
        let wanted = looked.iter().filter(|looked| looked.wanted);
        Self {
            wanted: wanted.map(|looked| looked.id.into()).collect(),
            last: looked.last().map(|looked| looked.id.into()),
        }
    }
}

/// Looks at up to `limit` images after `after`, in the order of their ids. So each look takes a bounded time, however
/// few of the images are wanted.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_page(
    database: &Database,
    choice: &ReprocessChoice,
    after: Option<ImageId>,
    limit: u16,
) -> Result<ReprocessPage, StorageError> {
    let lease = database.lease().await?;
    let question = sql_query(PAGE)
        .bind::<Nullable<SqlUuid>, _>(after.map(ImageId::uuid))
        .bind::<BigInt, _>(i64::from(limit))
        .bind::<Timestamptz, _>(choice.run)
        .bind::<Nullable<SqlUuid>, _>(choice.account.map(AccountId::uuid))
        .bind::<Nullable<Timestamptz>, _>(choice.since)
        .bind::<Nullable<Timestamptz>, _>(choice.stored.made_before())
        .bind::<Nullable<Jsonb>, _>(choice.stored.wanted());
    let looked: Vec<Looked> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    Ok(ReprocessPage::of(&looked))
}

const LOCK: &str = "SELECT id, account_id, product_id, \
    greatest(generation, coalesce(reprocess_generation, 0)) + 1 AS generation, \
    reprocess_asks AS asks, source_url, source_key, original_key \
    FROM images WHERE id = ANY($1) AND status = 'ready' AND reprocess_silent_since IS NULL \
    AND (reprocess_run IS NULL OR reprocess_run < $2) \
    AND ($3 IS NULL OR coalesce(made_at, updated_at) < $3) AND ($4 IS NULL OR NOT variants @> $4) \
    ORDER BY id FOR UPDATE SKIP LOCKED";

const ASK: &str = "UPDATE images SET reprocess_generation = greatest(generation, coalesce(reprocess_generation, 0)) + 1, \
    reprocess_run = $2, reprocess_silent_since = now(), reprocess_asks = 0, reprocess_error = NULL WHERE id = ANY($1)";

/// Asks for the next generation of each of these images of a page, as far as the choice still includes them. They go on
/// showing what they have. Images that somebody holds are passed over, so that nobody waits for this and this waits for
/// nobody.
///
/// # Errors
/// See [`StorageError`]. None is asked for then.
pub async fn images_reprocess_ask(
    database: &Database,
    ids: &[ImageId],
    choice: &ReprocessChoice,
) -> Result<AskedToReprocess, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let named: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
            let rows: Vec<ReprocessRow> = sql_query(LOCK)
                .bind::<Array<SqlUuid>, _>(named)
                .bind::<Timestamptz, _>(choice.run)
                .bind::<Nullable<Timestamptz>, _>(choice.stored.made_before())
                .bind::<Nullable<Jsonb>, _>(choice.stored.wanted())
                .load(&mut &*connection)
                .await?;
            let outcome = AskedToReprocess {
                asked: rows.len(),
                passed_over: ids.len().saturating_sub(rows.len()),
            };
            if rows.is_empty() {
                return Ok(End::Rollback(outcome));
            }
            let locked: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            let jobs = rows
                .into_iter()
                .map(ReprocessRow::job)
                .collect::<Result<Vec<_>, _>>()?;
            let update = sql_query(ASK)
                .bind::<Array<SqlUuid>, _>(locked)
                .bind::<Timestamptz, _>(choice.run);
            let noted = update.execute(&mut &*connection);
            let (noted, inserted) = join(noted, outbox_insert_in_txn(connection, &jobs)).await;
            noted?;
            inserted?;
            Ok(End::Commit(outcome))
        })
        .await
}
