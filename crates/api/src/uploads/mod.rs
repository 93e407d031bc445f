//! Files that callers send: how many at a time, where they lie meanwhile, and how they get into the bucket.

mod content;
mod spool;

use std::time::Duration;

use domain::{AccountId, ImageId};
use storage_s3::{CACHE_PRIVATE, Error, ObjectStore, S3Config, keys};
use tokio::{sync::OnceCell, time::timeout};

pub use self::{
    content::{HEAD_BYTES, format_of},
    spool::{Spool, Spooled},
};
use crate::places::{Place, Places, Taken};

/// How long the deletion of a file may take that was stored in vain; the reconciler finds what is left.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

const REFUSED: &str = "uploads_refused_total";

/// What an upload has to keep to.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// How long the body may take to arrive.
    pub timeout: Duration,
}

/// The place of uploads in one process.
#[derive(Debug)]
pub struct Uploads {
    limits: UploadLimits,
    places: Places,
    s3: S3Config,
    /// Empty until there are credentials: without uploads none are needed.
    store: OnceCell<ObjectStore>,
}

impl Uploads {
    /// As many at a time as there are `places`. Connects to nothing yet.
    pub fn new(limits: UploadLimits, places: Places, s3: S3Config) -> Self {
        metrics::counter!(REFUSED).increment(0);
        Self {
            limits,
            places,
            s3,
            store: OnceCell::new(),
        }
    }

    /// What every upload has to keep to.
    pub fn limits(&self) -> &UploadLimits {
        &self.limits
    }

    /// A place for one upload to an account.
    ///
    /// # Errors
    /// Whose places are taken.
    pub fn enter(&self, account: AccountId) -> Result<Place, Taken> {
        self.places
            .enter(account)
            .inspect_err(|_| metrics::counter!(REFUSED).increment(1))
    }

    /// Stores the file of a picture for its first generation, where only this system reads it; its key.
    ///
    /// # Errors
    /// See [`ObjectStore::object_put_file`].
    pub async fn store(&self, image: ImageId, file: &Spooled) -> Result<String, Error> {
        let key = keys::original_key(image, 1);
        let media_type = file.format.media_type();
        self.bucket()
            .await?
            .object_put_file(&key, &file.file, file.bytes, media_type, CACHE_PRIVATE)
            .await?;
        Ok(key)
    }

    /// Deletes the file of a picture that there will not be. What cannot be deleted now is an orphan, and found as such.
    pub async fn discard(&self, image: ImageId) {
        let key = keys::original_key(image, 1);
        let deleted = timeout(DISCARD_TIMEOUT, async {
            self.bucket().await?.object_delete(&key).await
        });
        let left = match deleted.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::info!(
            key,
            error = left,
            "a file that was stored in vain is left to the reconciler"
        );
    }

    async fn bucket(&self) -> Result<&ObjectStore, Error> {
        self.store
            .get_or_try_init(|| ObjectStore::new(self.s3.clone()))
            .await
    }
}
