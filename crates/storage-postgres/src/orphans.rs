//! Objects in the bucket that no image needs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageId, ImageStatus};
use messages::{ImagePurgeV1, Job};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    image_reprocess_end::GRACE,
    image_standing::{Bearing, bearing},
    images::word,
    lease::End,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    schema::images,
};

/// Objects that lie in the bucket: those of one generation of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredGeneration {
    /// Whose they are.
    pub image_id: ImageId,
    /// The generation that wrote them.
    pub generation: i32,
    /// True of an uploaded file, which every later generation is made from; false of renditions.
    pub is_original: bool,
}

/// Objects that are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Orphan {
    /// Whose they were.
    pub image_id: ImageId,
    /// The generation, or all of them and the original.
    pub generation: Option<i32>,
    /// Why nobody needs them.
    pub reason: OrphanReason,
}

/// Why nobody needs an object. Each of these stays true for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanReason {
    /// The image is gone.
    Gone,
    /// A later generation of it is shown, or was asked for.
    Superseded,
    /// This generation of it has failed, or nobody waits for it any more.
    Failed,
}

/// So many images may be gone, however few are known. A deleted product has its objects purged at once, so what is found
/// here are remnants.
const GONE_PLAUSIBLE: usize = 10;

/// What came of a look at objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    /// These are purged.
    Purged(Vec<Orphan>),
    /// More than 10 images, and more than half of them, are gone. More likely than that is a bucket that belongs to
    /// another database, or a database that was restored or emptied. Nothing is purged.
    Implausible {
        /// Images that are gone.
        gone: usize,
        /// Images that were looked at.
        of: usize,
    },
}

/// Asks for those objects to be deleted that no image needs, with one job for each image or generation: never for what
/// an unfinished or ready image has at its current generation or at the one that it waits for, and never for the
/// original of an image that is there. What was shown until a moment ago is spared for a while.
///
/// # Errors
/// See [`StorageError`].
pub async fn orphans_purge(database: &Database, stored: &[StoredGeneration]) -> Result<Swept, StorageError> {
    if stored.is_empty() {
        return Ok(Swept::Purged(Vec::new()));
    }
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let ids: BTreeSet<Uuid> = stored.iter().map(|stored| stored.image_id.uuid()).collect();
            let of = ids.len();
            let known = images_find(connection, ids).await?;
            let gone = of - known.len();
            if gone > GONE_PLAUSIBLE && gone * 2 > of {
                return Ok(End::Rollback(Swept::Implausible { gone, of }));
            }
            let orphans: BTreeSet<(Orphan, Option<AccountId>)> = stored
                .iter()
                .filter_map(|stored| judge(*stored, &known))
                .collect();
            let purges = orphans
                .iter()
                .map(|(orphan, account)| {
                    let job = Job::Purge(ImagePurgeV1 {
                        image_id: orphan.image_id,
                        generation: orphan.generation,
                    });
                    OutboxEntry::new(*account, &job, &Cause::default())
                })
                .collect::<Result<Vec<_>, _>>()?;
            outbox_insert_in_txn(connection, &purges).await?;
            let orphans = orphans.into_iter().map(|(orphan, _)| orphan).collect();
            Ok(End::Commit(Swept::Purged(orphans)))
        })
        .await
}

struct Known {
    account_id: AccountId,
    generation: i32,
    status: ImageStatus,
    reprocess_generation: Option<i32>,
    is_reprocessed: bool,
    made_at: Option<DateTime<Utc>>,
}

impl Known {
    /// True while pages may still show the generation before.
    fn is_young(&self) -> bool {
        self.made_at.is_some_and(|made_at| Utc::now() < made_at + GRACE)
    }
}

type Row = (Uuid, Uuid, i32, String, Option<i32>, bool, Option<DateTime<Utc>>);

/// These images, as far as there are any. Objects appear only after the image is committed, so one that
/// is missing here has been deleted.
async fn images_find(
    connection: &AsyncPgConnection,
    ids: BTreeSet<Uuid>,
) -> Result<BTreeMap<ImageId, Known>, StorageError> {
    let rows: Vec<Row> = images::table
        .filter(images::id.eq_any(ids))
        .select((
            images::id,
            images::account_id,
            images::generation,
            images::status,
            images::reprocess_generation,
            images::reprocess_silent_since.is_not_null(),
            images::made_at,
        ))
        .load(&mut &*connection)
        .await?;
    rows.into_iter()
        .map(
            |(id, account_id, generation, status, reprocess_generation, is_reprocessed, made_at)| {
                let known = Known {
                    account_id: account_id.into(),
                    generation,
                    status: word("images.status", &status)?,
                    reprocess_generation,
                    is_reprocessed,
                    made_at,
                };
                Ok((id.into(), known))
            },
        )
        .collect()
}

fn judge(stored: StoredGeneration, known: &BTreeMap<ImageId, Known>) -> Option<(Orphan, Option<AccountId>)> {
    let StoredGeneration {
        image_id,
        generation,
        is_original,
    } = stored;
    let orphan = |generation, reason| Orphan {
        image_id,
        generation,
        reason,
    };
    let Some(image) = known.get(&image_id) else {
        return Some((orphan(None, OrphanReason::Gone), None));
    };
    if is_original {
        return None;
    }
    let (asked, is_under_way) = (image.reprocess_generation, image.is_reprocessed);
    let reason = match bearing(image.generation, asked, is_under_way, generation) {
        Bearing::Past if generation < image.generation && image.is_young() => return None,
        Bearing::Past if generation < image.generation => OrphanReason::Superseded,
        Bearing::Past => OrphanReason::Failed,
        Bearing::Current if image.status == ImageStatus::Failed => OrphanReason::Failed,
        Bearing::Current | Bearing::Coming | Bearing::Unknown => return None,
    };
    Some((orphan(Some(generation), reason), Some(image.account_id)))
}
