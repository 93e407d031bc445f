//! The operations, each within its bounds.

use std::{sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use s3::{
    Bucket, Region,
    error::S3Error,
    serde_types::{ListBucketResult, ObjectIdentifier},
};
use tokio::time::timeout;

use crate::{config::S3Config, credentials::credentials_find, error::Error, urls::PublicUrls};

/// `Cache-Control` of an object that never changes under its key: a year, without asking again.
pub const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Attempts beyond the first.
const RETRIES: usize = 3;
/// The longest wait of [`ObjectStore::check`].
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys in one page of a list, and in one multiple delete; the protocol's own limit.
pub(crate) const PAGE_KEYS: usize = 1_000;
/// Pages that one deletion of a prefix goes through.
const DELETE_PAGES_MAX: usize = 100;

/// One bucket. Cheap to clone; clones share connections and credentials.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    bucket: Arc<Bucket>,
    urls: PublicUrls,
    request_timeout: Duration,
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
            request_timeout: config.request_timeout,
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
        self.attempt(key, || {
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
        self.attempt(key, || async move {
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

    /// The public address of the object under `key`.
    pub fn object_url(&self, key: &str) -> String {
        self.urls.object_url(key)
    }

    /// What makes public addresses.
    pub fn public_urls(&self) -> &PublicUrls {
        &self.urls
    }

    /// Asks once, for five seconds at most, whether the bucket is there and may be listed.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::AccessDenied`], [`Error::Unavailable`] or [`Error::Other`].
    pub async fn check(&self) -> Result<(), Error> {
        let bound = CHECK_TIMEOUT.min(self.request_timeout);
        match timeout(bound, self.page_once("", None, 1)).await {
            Ok(Ok(_)) => Ok(()),
            // A bucket is asked for, not a key.
            Ok(Err(Error::NotFound { .. })) => Err(Error::NoSuchBucket {
                bucket: self.bucket.name(),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(too_slow(bound)),
        }
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
        self.attempt("", || {
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

    /// Makes a call, and again while that may help, each time under the timeout of a request and all together
    /// under three times that.
    pub(crate) async fn attempt<T, Call, Answer>(&self, subject: &str, mut call: Call) -> Result<T, Error>
    where
        Call: FnMut() -> Answer,
        Answer: Future<Output = Result<T, Error>>,
    {
        let bound = self.request_timeout;
        let once = || {
            let answer = call();
            async move {
                timeout(bound, answer)
                    .await
                    .unwrap_or_else(|_| Err(too_slow(bound)))
            }
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(RETRIES)
            .with_jitter();
        let tries = once
            .retry(pauses)
            .when(Error::is_transient)
            .notify(|error, pause| {
                tracing::debug!(subject, %error, pause_ms = pause.as_millis(), "trying again");
            });
        let deadline = bound * 3;
        timeout(deadline, tries)
            .await
            .unwrap_or_else(|_| Err(too_slow(deadline)))
    }

    fn error(&self, error: &S3Error, key: &str) -> Error {
        Error::from_library(error, &self.bucket.name, key)
    }
}

fn too_slow(bound: Duration) -> Error {
    Error::unavailable(format!("no answer within {} ms", bound.as_millis()))
}
