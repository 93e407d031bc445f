//! The operations, each within its bounds.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use s3::{
    Bucket, Region,
    error::S3Error,
    serde_types::{ListBucketResult, ObjectIdentifier},
};

use crate::{config::S3Config, credentials::credentials_find, error::Error, guard::Guard, urls::PublicUrls};

/// `Cache-Control` of an object that never changes under its key: a year, without asking again.
pub const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `Cache-Control` of an object that is for this system alone.
pub const CACHE_PRIVATE: &str = "private";

/// Keys in one page of a list, and in one multiple delete; the protocol's own limit.
pub(crate) const PAGE_KEYS: usize = 1_000;
/// Pages that one deletion of a prefix goes through.
const DELETE_PAGES_MAX: usize = 100;

/// One bucket. Cheap to clone; clones share connections, credentials, and what they know of its health: after too many
/// failures every call but [`Self::check`] fails at once for a moment.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    pub(crate) bucket: Arc<Bucket>,
    urls: PublicUrls,
    pub(crate) guard: Arc<Guard>,
}

impl ObjectStore {
    /// Prepares access to a bucket. Only credentials may need the network, for ten seconds at most; call
    /// [`Self::check`] to learn whether the bucket answers.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that cannot work, [`Error::Unavailable`] where AWS's chain does not answer.
    pub async fn new(config: S3Config) -> Result<Self, Error> {
        if let Some(endpoint) = &config.endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            return Err(Error::Config {
                reason: format!("the endpoint `{endpoint}` does not start with http:// or https://"),
            });
        }
        let credentials = credentials_find(&config).await?;
        // The library's own retries leave out PUT and DELETE, and wait for whole seconds.
        s3::set_retries(0);
        let region = Region::Custom {
            region: config.region.clone(),
            endpoint: config.service_url(),
        };
        let mut bucket = Bucket::new(&config.bucket, region, credentials).map_err(|error| Error::Config {
            reason: crate::error::chain(&error),
        })?;
        if config.is_path_style() {
            bucket.set_path_style();
        }
        bucket.set_request_timeout(Some(config.request_timeout));
        Ok(Self {
            bucket: Arc::from(bucket),
            urls: PublicUrls::new(&config),
            guard: Arc::new(Guard::new(config.request_timeout)),
        })
    }

    /// Writes an object whole, over any that is there.
    ///
    /// # Errors
    /// All of [`Error`] but `NotFound` and `TooLarge`.
    pub async fn object_put(
        &self,
        key: &str,
        bytes: Bytes,
        content_type: &str,
        cache_control: &str,
    ) -> Result<(), Error> {
        let mut headers = self.bucket.extra_headers().clone();
        let value = cache_control.parse().map_err(|_| Error::Other {
            reason: format!("`{cache_control}` is no value for a header"),
        })?;
        headers.insert("cache-control", value);
        self.guard
            .attempt(key, || {
                let (bucket, headers, bytes) = (&self.bucket, headers.clone(), bytes.clone());
                async move {
                    bucket
                        .put_object_with_content_type_and_headers(key, &bytes, content_type, Some(headers))
                        .await
                        .map_err(|error| self.error(&error, key))?;
                    Ok(())
                }
            })
            .await
    }

    /// Reads an object whole; one of more than `max_bytes` is given up as soon as that shows.
    ///
    /// # Errors
    /// All of [`Error`].
    pub async fn object_get(&self, key: &str, max_bytes: u64) -> Result<Bytes, Error> {
        self.guard
            .attempt(key, || async move {
                let mut answer = self
                    .bucket
                    .get_object_stream(key)
                    .await
                    .map_err(|error| self.error(&error, key))?;
                let mut content = BytesMut::new();
                while let Some(chunk) = answer.bytes().next().await {
                    let chunk = chunk.map_err(|error| self.error(&error, key))?;
                    if content.len() as u64 + chunk.len() as u64 > max_bytes {
                        return Err(Error::TooLarge {
                            key: key.to_owned(),
                            limit: max_bytes,
                        });
                    }
                    content.extend_from_slice(&chunk);
                }
                Ok(content.freeze())
            })
            .await
    }

    /// Deletes everything under `prefix`, which must end in a slash, and says how many objects that were. Nothing
    /// there is no error. In a bucket with versions, the earlier ones stay.
    ///
    /// # Errors
    /// All of [`Error`] but `NotFound` and `TooLarge`; `Unavailable` also where more than 100,000 objects lie
    /// there, of which a further call deletes the next.
    pub async fn objects_delete_prefix(&self, prefix: &str) -> Result<u64, Error> {
        if prefix.len() < 2 || !prefix.ends_with('/') || prefix.starts_with('/') {
            return Err(Error::Other {
                reason: format!("`{prefix}` is no prefix of its own; it must end in a slash"),
            });
        }
        let mut count = 0;
        for _ in 0..DELETE_PAGES_MAX {
            // Always the first page: what was deleted is gone from it.
            let page = self
                .guard
                .attempt(prefix, || self.page_once(prefix, None, PAGE_KEYS))
                .await?;
            let keys: Vec<_> = page.contents.into_iter().map(|object| object.key).collect();
            if !keys.is_empty() {
                count += self.delete(keys).await?;
            }
            if !page.is_truncated {
                return Ok(count);
            }
        }
        Err(Error::unavailable(format!(
            "`{prefix}` holds more objects than are deleted at once"
        )))
    }

    /// Deletes the object under `key`. Nothing there is no error.
    ///
    /// # Errors
    /// All of [`Error`] but `NotFound` and `TooLarge`.
    pub async fn object_delete(&self, key: &str) -> Result<(), Error> {
        self.delete(vec![key.to_owned()]).await?;
        Ok(())
    }

    /// The public address of the object under `key`.
    pub fn object_url(&self, key: &str) -> String {
        self.urls.object_url(key)
    }

    /// What makes public addresses.
    pub fn public_urls(&self) -> &PublicUrls {
        &self.urls
    }

    /// Asks once, for five seconds at most, whether the bucket is there and may be listed. Where it is, calls are
    /// made again at once.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::AccessDenied`], [`Error::Unavailable`] or [`Error::Other`].
    pub async fn check(&self) -> Result<(), Error> {
        match self.guard.look(self.page_once("", None, 1)).await {
            Ok(_) => Ok(()),
            // A bucket is asked for, not a key.
            Err(Error::NotFound { .. }) => Err(Error::NoSuchBucket {
                bucket: self.bucket.name(),
            }),
            Err(error) => Err(error),
        }
    }

    /// True unless the store has failed so often of late that calls are not made.
    pub fn is_usable(&self) -> bool {
        self.guard.is_usable()
    }

    /// Waits until [`Self::check`] succeeds, looking about every half second however many wait.
    pub async fn usable(&self) {
        self.guard.usable(|| self.check()).await;
    }

    /// One page of a list, asked for once.
    pub(crate) async fn page_once(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        keys: usize,
    ) -> Result<ListBucketResult, Error> {
        let start_after = start_after.map(str::to_owned);
        let (page, _) = self
            .bucket
            .list_page(prefix.to_owned(), None, None, start_after, Some(keys))
            .await
            .map_err(|error| self.error(&error, prefix))?;
        Ok(page)
    }

    async fn delete(&self, keys: Vec<String>) -> Result<u64, Error> {
        let objects: Vec<_> = keys.into_iter().map(ObjectIdentifier::new).collect();
        let count = objects.len() as u64;
        self.guard
            .attempt("", || {
                let objects = objects.clone();
                async move {
                    let answer = self
                        .bucket
                        .delete_objects(objects)
                        .await
                        .map_err(|error| self.error(&error, ""))?;
                    match answer.errors.iter().find(|error| error.code != "NoSuchKey") {
                        Some(error) => Err(Error::from_code(&error.code, &error.message)),
                        None => Ok(()),
                    }
                }
            })
            .await?;
        Ok(count)
    }

    pub(crate) fn error(&self, error: &S3Error, key: &str) -> Error {
        Error::from_library(error, &self.bucket.name, key)
    }
}
