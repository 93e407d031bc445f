//! How far the runs have come that have images made again, and what they have left undone.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use domain::ImageId;
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    image_reprocess::{Looked, ReprocessChoice, ReprocessPage},
};

/// How far runs have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReprocessProgress {
    /// Images that are under way, whichever run has asked for them.
    pub under_way: u64,
    /// Those of them that this run has asked for.
    pub of_run: u64,
    /// Images of this run that could not be made again.
    pub failed: u64,
}

/// An image that could not be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedReprocess {
    /// The image.
    pub image_id: ImageId,
    /// The code of its failure.
    pub code: String,
}

const PROGRESS: &str = "SELECT count(*) AS under_way, count(*) FILTER (WHERE reprocess_run = $1) AS of_run, \
    (SELECT count(*) FROM images WHERE reprocess_error IS NOT NULL AND reprocess_run = $1) AS failed \
    FROM images WHERE reprocess_silent_since IS NOT NULL";

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    under_way: i64,
    #[diesel(sql_type = BigInt)]
    of_run: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
}

/// How far the run has come that began at `run`.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_progress(
    database: &Database,
    run: DateTime<Utc>,
) -> Result<ReprocessProgress, StorageError> {
    let lease = database.lease().await?;
    let question = sql_query(PROGRESS).bind::<Timestamptz, _>(run);
    let counted: Counted = lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await?;
    Ok(ReprocessProgress {
        under_way: fit("a count", counted.under_way)?,
        of_run: fit("a count", counted.of_run)?,
        failed: fit("a count", counted.failed)?,
    })
}

const FAILED: &str = "SELECT id, reprocess_error AS code FROM images \
    WHERE reprocess_error IS NOT NULL AND reprocess_run = $1 ORDER BY id LIMIT $2";

#[derive(QueryableByName)]
struct Failed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    code: String,
}

/// Up to `limit` of the images that the run which began at `run` could not have made again.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_failed(
    database: &Database,
    run: DateTime<Utc>,
    limit: u16,
) -> Result<Vec<FailedReprocess>, StorageError> {
    let lease = database.lease().await?;
    let question = sql_query(FAILED)
        .bind::<Timestamptz, _>(run)
        .bind::<BigInt, _>(i64::from(limit));
    let failed: Vec<Failed> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    let read = |failed: Failed| FailedReprocess {
        image_id: failed.id.into(),
        code: failed.code,
    };
    Ok(failed.into_iter().map(read).collect())
}

const LACKING: &str = "SELECT id, coalesce(reprocess_run = $3, false) AND status = 'ready' AND reprocess_silent_since IS NULL \
    AND reprocess_error IS NULL AND NOT variants @> $4 AS wanted \
    FROM (SELECT * FROM images WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2) AS images ORDER BY id";

/// As [`crate::images_reprocess_page`], of images that have been made again for this run and lack the variant all the
/// same: who made them was not set up for it. None are of a run that makes all of them again.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_reprocess_lacking(
    database: &Database,
    choice: &ReprocessChoice,
    after: Option<ImageId>,
    limit: u16,
) -> Result<ReprocessPage, StorageError> {
    let Some(wanted) = choice.stored.wanted() else {
        return Ok(ReprocessPage::default());
    };
    let lease = database.lease().await?;
    let question = sql_query(LACKING)
        .bind::<Nullable<SqlUuid>, _>(after.map(ImageId::uuid))
        .bind::<BigInt, _>(i64::from(limit))
        .bind::<Timestamptz, _>(choice.run)
        .bind::<Jsonb, _>(wanted);
    let looked: Vec<Looked> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    Ok(ReprocessPage::of(&looked))
}
