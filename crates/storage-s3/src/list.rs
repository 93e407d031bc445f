//! What lies in the bucket, a page at a time.

use chrono::{DateTime, Utc};
use s3::serde_types;

use crate::{
    error::Error,
    store::{ObjectStore, PAGE_KEYS},
};

/// An object as a list tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Where it lies.
    pub key: String,
    /// When it was last written, by the store's clock.
    pub last_modified: DateTime<Utc>,
    /// Its size.
    pub bytes: u64,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsPage {
    /// In the store's order.
    pub objects: Vec<StoredObject>,
    /// Where the next page goes on; none at the end.
    pub next: Option<String>,
}

impl ObjectStore {
    /// Lists up to `limit` objects under `prefix`, 1,000 at most, from the one that follows `start_after`: the
    /// [`ObjectsPage::next`] of the page before, also that of another day. What is written or deleted in between is
    /// in the list, or not.
    ///
    /// # Errors
    /// All of [`Error`] but `NotFound` and `TooLarge`.
    pub async fn objects_page(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<ObjectsPage, Error> {
        let keys = limit.clamp(1, PAGE_KEYS);
        let page = self
            .guard
            .attempt(prefix, || self.page_once(prefix, start_after, keys))
            .await?;
        let objects = page
            .contents
            .into_iter()
            .map(stored_object)
            .collect::<Result<Vec<_>, _>>()?;
        let last = objects.last().map(|object| object.key.clone());
        Ok(ObjectsPage {
            next: last.filter(|_| page.is_truncated),
            objects,
        })
    }
}

fn stored_object(object: serde_types::Object) -> Result<StoredObject, Error> {
    let last_modified = DateTime::parse_from_rfc3339(&object.last_modified)
        .map_err(|_| Error::Other {
            reason: format!("`{}` is no moment", object.last_modified),
        })?
        .to_utc();
    Ok(StoredObject {
        key: object.key,
        last_modified,
        bytes: object.size,
    })
}
