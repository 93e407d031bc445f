//! Objects in the bucket that no image needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageId, ImageStatus};
use messages::{ImagePurgeOriginalV1, ImagePurgeV1, Job, Work};
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredGeneration {
    /// Whose they are.
    pub image_id: ImageId,
    /// The generation that wrote them.
    pub generation: i32,
    /// The key of the file that was stored as it came, which later generations are made from; none of renditions.
    pub original_key: Option<String>,
}

/// Objects that are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Orphan {
    /// Whose they were.
    pub image_id: ImageId,
    /// Which of them.
    pub objects: OrphanObjects,
    /// Why nobody needs them.
    pub reason: OrphanReason,
}

/// Which objects of an image are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanObjects {
    /// All that there are.
    Everything,
    /// The renditions of a generation.
    Variants(i32),
    /// The file that a generation stored as it came.
    Original(i32),
}

/// Why nobody needs an object. Each of these stays true for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanReason {
    /// The image is gone.
    Gone,
    /// A later generation of it is shown, or was asked for.
    Superseded,
    /// This generation of it has failed, or nobody waits for it any more, or nothing is made from its file.
    Failed,
}

/// So long a file may lie in the bucket before the image that it was uploaded for is committed. Whoever uploads gives up
/// well before that.
pub const UPLOAD_GRACE: Duration = Duration::from_secs(600);

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
/// file that an image which is there is made from. What was shown until a moment ago is spared for a while.
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
            let orphans: BTreeSet<(Orphan, Option<AccountId>)> =
                stored.iter().filter_map(|stored| judge(stored, &known)).collect();
            let purges = orphans
                .iter()
                .map(|(orphan, account)| purge_of(orphan, *account))
                .collect::<Result<Vec<_>, _>>()?;
            outbox_insert_in_txn(connection, &purges).await?;
            let orphans = orphans.into_iter().map(|(orphan, _)| orphan).collect();
            Ok(End::Commit(Swept::Purged(orphans)))
        })
        .await
}

fn purge_of(orphan: &Orphan, account: Option<AccountId>) -> Result<OutboxEntry, StorageError> {
    let image_id = orphan.image_id;
    let purge = |generation| Job::Purge(ImagePurgeV1 { image_id, generation });
    let (work, job) = match orphan.objects {
        OrphanObjects::Everything => (Work::Jobs, purge(None)),
        OrphanObjects::Variants(generation) => (Work::Jobs, purge(Some(generation))),
        // Workers of the release before do not know this job, and do not take from this queue.
        OrphanObjects::Original(generation) => {
            let job = Job::PurgeOriginal(ImagePurgeOriginalV1 { image_id, generation });
            (Work::Backfill, job)
        }
    };
    OutboxEntry::to(work, account, &job, &Cause::default())
}

struct Known {
    account_id: AccountId,
    generation: i32,
    status: ImageStatus,
    reprocess_generation: Option<i32>,
    is_reprocessed: bool,
    made_at: Option<DateTime<Utc>>,
    /// The files that it is made from.
    sources: [Option<String>; 2],
}

impl Known {
    /// True while pages may still show the generation before.
    fn is_young(&self) -> bool {
        self.made_at.is_some_and(|made_at| Utc::now() < made_at + GRACE)
    }
}

type Row = (
    Uuid,
    Uuid,
    i32,
    String,
    Option<i32>,
    bool,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<String>,
);

/// These images, as far as there are any. Objects appear only after the image is committed, so one that is missing here
/// has been deleted; but for uploads, whose image may be about to be committed (see [`may_be_committed`]).
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
            images::source_key,
            images::original_key,
        ))
        .load(&mut &*connection)
        .await?;
    rows.into_iter()
        .map(
            |(
                id,
                account_id,
                generation,
                status,
                reprocess_generation,
                is_reprocessed,
                made_at,
                upload,
                kept,
            )| {
                let known = Known {
                    account_id: account_id.into(),
                    generation,
                    status: word("images.status", &status)?,
                    reprocess_generation,
                    is_reprocessed,
                    made_at,
                    sources: [upload, kept],
                };
                Ok((id.into(), known))
            },
        )
        .collect()
}

fn judge(stored: &StoredGeneration, known: &BTreeMap<ImageId, Known>) -> Option<(Orphan, Option<AccountId>)> {
    let (image_id, generation) = (stored.image_id, stored.generation);
    let orphan = |objects, reason| Orphan {
        image_id,
        objects,
        reason,
    };
    let Some(image) = known.get(&image_id) else {
        if stored.original_key.is_some() && may_be_committed(image_id) {
            return None;
        }
        return Some((orphan(OrphanObjects::Everything, OrphanReason::Gone), None));
    };
    let (asked, is_under_way) = (image.reprocess_generation, image.is_reprocessed);
    let bearing = bearing(image.generation, asked, is_under_way, generation);
    let (objects, reason) = match &stored.original_key {
        Some(_) if image.sources.contains(&stored.original_key) => return None,
        Some(_) => (
            OrphanObjects::Original(generation),
            original_reason(bearing, image, generation)?,
        ),
        None => (
            OrphanObjects::Variants(generation),
            variants_reason(bearing, image, generation)?,
        ),
    };
    Some((orphan(objects, reason), Some(image.account_id)))
}

/// True while the upload may be under way that an image was named for. Its id tells when that was.
fn may_be_committed(image_id: ImageId) -> bool {
    let Some(named) = image_id.uuid().get_timestamp() else {
        return false;
    };
    let (seconds, nanoseconds) = named.to_unix();
    let named = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    SystemTime::now()
        .duration_since(named)
        .map_or(true, |age| age < UPLOAD_GRACE)
}

/// Why renditions are not needed, if they are not.
fn variants_reason(bearing: Bearing, image: &Known, generation: i32) -> Option<OrphanReason> {
    match bearing {
        Bearing::Past if generation < image.generation && image.is_young() => None,
        Bearing::Past if generation < image.generation => Some(OrphanReason::Superseded),
        Bearing::Past => Some(OrphanReason::Failed),
        Bearing::Current if image.status == ImageStatus::Failed => Some(OrphanReason::Failed),
        Bearing::Current | Bearing::Coming | Bearing::Unknown => None,
    }
}

/// Why a file is not needed that the image is not made from, if it is not: one that is under way may be stored before
/// its generation is answered for.
fn original_reason(bearing: Bearing, image: &Known, generation: i32) -> Option<OrphanReason> {
    match bearing {
        Bearing::Past if generation < image.generation => Some(OrphanReason::Superseded),
        Bearing::Past => Some(OrphanReason::Failed),
        Bearing::Current if image.status.is_ended() => Some(OrphanReason::Failed),
        Bearing::Current | Bearing::Coming | Bearing::Unknown => None,
    }
}
