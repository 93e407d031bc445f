//! Objects in the bucket that no picture needs.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use domain::ImageId;
use storage_postgres::{
    Database, Orphan, OrphanObjects, OrphanReason, StorageError, StoredGeneration, Swept, orphans_purge,
};
use storage_s3::{ObjectStore, ObjectsPage, S3Config, keys::ObjectKey};
use tokio::time::Instant;

use super::{ReconcilerConfig, trouble::Trouble};

/// Where pictures lie; nothing else in the bucket is touched.
const PREFIXES: [&str; 2] = ["variants/", "originals/"];
/// Pages that are looked at in one turn, and objects in each.
const PAGES_PER_TURN: usize = 10;
const PAGE_OBJECTS: usize = 1_000;

const PURGED: &str = "reconciler_purges_total";

/// Purges that were asked for, by their reason.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Purged {
    pub(super) gone: usize,
    pub(super) superseded: usize,
    pub(super) failed: usize,
}

impl Purged {
    pub(super) const fn total(self) -> usize {
        self.gone + self.superseded + self.failed
    }

    fn count(&mut self, reason: OrphanReason) {
        let (count, word) = match reason {
            OrphanReason::Gone => (&mut self.gone, "gone"),
            OrphanReason::Superseded => (&mut self.superseded, "superseded"),
            OrphanReason::Failed => (&mut self.failed, "failed"),
        };
        *count += 1;
        metrics::counter!(PURGED, "reason" => word).increment(1);
    }
}

/// Why the bucket cannot be looked through.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Store(#[from] storage_s3::Error),
    #[error(transparent)]
    Database(#[from] StorageError),
    #[error(
        "{gone} of {of} pictures in the bucket are none of this database; nothing is deleted. Give each database a bucket \
         of its own, or delete by hand what is left over"
    )]
    Foreign { gone: usize, of: usize },
}

/// Looks through the bucket, a few pages in each turn.
pub(super) struct Sweep {
    database: Database,
    s3: S3Config,
    /// None until there are credentials.
    store: Option<ObjectStore>,
    orphan_age: Duration,
    /// How long a purge may be under way before it is asked for again.
    patience: Duration,
    /// Which of the prefixes, and the last object that was looked at.
    place: (usize, Option<String>),
    asked: HashMap<(ImageId, OrphanObjects), Instant>,
    trouble: Trouble,
}

impl Sweep {
    pub(super) fn new(database: Database, config: &ReconcilerConfig) -> Self {
        for word in ["gone", "superseded", "failed"] {
            metrics::counter!(PURGED, "reason" => word).increment(0);
        }
        Self {
            database,
            s3: config.s3.clone(),
            store: None,
            orphan_age: config.orphan_age,
            patience: config.stuck_after,
            place: (0, None),
            asked: HashMap::new(),
            trouble: Trouble::new("objects that no picture needs"),
        }
    }

    /// Goes on where the last turn has ended. What fails is told of here, and begun again in the next turn.
    pub(super) async fn turn(&mut self) -> Purged {
        let mut purged = Purged::default();
        let swept = self.sweep(&mut purged).await;
        self.trouble.note(swept);
        purged
    }

    async fn sweep(&mut self, purged: &mut Purged) -> Result<(), SweepError> {
        let store = match &self.store {
            Some(store) => store.clone(),
            None => self
                .store
                .insert(ObjectStore::new(self.s3.clone()).await?)
                .clone(),
        };
        let patience = self.patience;
        self.asked.retain(|_, asked| asked.elapsed() < patience);
        // All pages of a turn are judged together: few images fill a page where many variants are made.
        let mut candidates = Vec::new();
        let mut place = self.place.clone();
        for _ in 0..PAGES_PER_TURN {
            let (prefix, after) = (PREFIXES[place.0], place.1.as_deref());
            let page = store.objects_page(prefix, after, PAGE_OBJECTS).await?;
            candidates.extend(self.candidates(&page));
            place = match page.next {
                Some(last) => (place.0, Some(last)),
                None => ((place.0 + 1) % PREFIXES.len(), None),
            };
            if place == (0, None) {
                break;
            }
        }
        let orphans = match orphans_purge(&self.database, &candidates).await? {
            Swept::Purged(orphans) => orphans,
            Swept::Implausible { gone, of } => return Err(SweepError::Foreign { gone, of }),
        };
        for orphan in orphans {
            let Orphan {
                image_id, objects, ..
            } = orphan;
            tracing::debug!(%image_id, ?objects, reason = ?orphan.reason, "objects are purged that no picture needs");
            self.asked.insert((image_id, objects), Instant::now());
            purged.count(orphan.reason);
        }
        self.place = place;
        Ok(())
    }

    /// What may be purged of a page: generations of which nothing is young, and that no purge is under way for.
    fn candidates(&self, page: &ObjectsPage) -> Vec<StoredGeneration> {
        let mut newest: BTreeMap<StoredGeneration, DateTime<Utc>> = BTreeMap::new();
        for object in &page.objects {
            let Some(key) = ObjectKey::parse(&object.key) else {
                continue;
            };
            let generation = StoredGeneration {
                image_id: key.image_id,
                generation: key.generation,
                original_key: key.is_original.then(|| object.key.clone()),
            };
            let known = newest.entry(generation).or_insert(object.last_modified);
            *known = object.last_modified.max(*known);
        }
        let latest = Utc::now() - self.orphan_age;
        let is_asked = |stored: &StoredGeneration| {
            let own = match stored.original_key {
                Some(_) => OrphanObjects::Original(stored.generation),
                None => OrphanObjects::Variants(stored.generation),
            };
            [OrphanObjects::Everything, own]
                .iter()
                .any(|objects| self.asked.contains_key(&(stored.image_id, *objects)))
        };
        newest
            .into_iter()
            .filter(|(stored, modified)| *modified <= latest && !is_asked(stored))
            .map(|(stored, _)| stored)
            .collect()
    }
}
