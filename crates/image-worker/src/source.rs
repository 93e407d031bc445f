//! Reads the file that a job is about, from wherever it lies.

use std::time::Instant;

use bytes::Bytes;
use domain::ImageErrorCode::{DownloadFailed, StorageUnavailable};
use messages::ImageSource;
use storage_s3::{Error, ObjectStore};
use tracing::info;

use crate::{
    failure::Failure,
    fetch::{Fetcher, fetcher::too_large},
    timing::milliseconds_since,
};

/// Reads `source` whole: from the network, or an upload from the bucket, with the same limit of bytes.
///
/// # Errors
/// What [`Fetcher::fetch`] says of an address; `download_failed`, `too_large` or `storage_unavailable` of an upload.
pub async fn read(fetcher: &Fetcher, store: &ObjectStore, source: &ImageSource) -> Result<Bytes, Failure> {
    let began = Instant::now();
    let (bytes, redirects) = match source {
        ImageSource::Url { url } => {
            let fetched = fetcher.fetch(url).await?;
            (fetched.bytes, Some(fetched.redirects))
        }
        ImageSource::Object { key } => {
            let max = fetcher.limits().max_bytes;
            let read = store.object_get(key, max).await;
            let bytes = read.map_err(|error| match error {
                Error::NotFound { .. } => Failure::lasting(
                    DownloadFailed,
                    "the uploaded file is not stored any more; upload it again",
                )
                .caused_by(error),
                Error::TooLarge { .. } => too_large(max),
                // Wrong credentials too: an operator mends them, and the pictures need not fail for it.
                _ => Failure::passing(StorageUnavailable, "the uploaded file could not be read just now")
                    .caused_by(error),
            })?;
            (bytes, None)
        }
    };
    info!(
        bytes = bytes.len(),
        redirects,
        duration_ms = milliseconds_since(began),
        "fetched",
    );
    Ok(bytes)
}
