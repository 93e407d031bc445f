//! Reads the file that a job is about, from wherever it lies.

use std::time::Instant;

use bytes::Bytes;
use domain::ImageErrorCode::{DownloadFailed, StorageUnavailable};
use messages::ImageSource;
use storage_s3::Error;
use tracing::info;
use url::Url;

use crate::{
    failure::Failure,
    fetch::{FetchError, Fetcher, fetcher::too_large},
    patience::{Interrupted, Patience},
    process::End,
    timing::{milliseconds, milliseconds_since},
};

/// Reads `source` whole: from the network, or an upload or a kept original from the bucket, each with its limit of bytes.
///
/// # Errors
/// What [`Fetcher::fetch`] says of an address; `download_failed`, `too_large` or `storage_unavailable` of an upload;
/// or that the process stops while it waits for the bucket.
pub async fn read(fetcher: &Fetcher, patience: Patience<'_>, source: &ImageSource) -> Result<Bytes, End> {
    let began = Instant::now();
    let (bytes, redirects, waited) = match source {
        ImageSource::Url { url } => {
            let fetched = fetcher.fetch(url).await?;
            (fetched.bytes, Some(fetched.redirects), Some(fetched.waited))
        }
        ImageSource::Object { key } => {
            let max = fetcher.limits().max_stored_bytes;
            let read = patience
                .carry_out(|store| async move { store.object_get(key, max).await })
                .await;
            let bytes = read.map_err(|interrupted| match interrupted {
                Interrupted::Stopping => End::Stopping,
                Interrupted::Failed(error) => of_upload(error, max).into(),
            })?;
            (bytes, None, None)
        }
    };
    info!(
        bytes = bytes.len(),
        redirects,
        waited_ms = waited.map(milliseconds),
        duration_ms = milliseconds_since(began),
        "fetched",
    );
    Ok(bytes)
}

impl From<FetchError> for End {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Stopping => Self::Stopping,
            FetchError::Crowded { host } => Self::Crowded { host },
            FetchError::Failed(failure) => failure.into(),
        }
    }
}

/// What the owner is told of an upload that could not be read.
fn of_upload(error: Error, max: u64) -> Failure {
    match error {
        Error::NotFound { .. } => Failure::lasting(
            DownloadFailed,
            "the uploaded file is not stored any more; upload it again",
        )
        .caused_by(error),
        Error::TooLarge { .. } => too_large(max),
        // Wrong credentials too: an operator mends them, and the pictures need not fail for it.
        _ => Failure::passing(StorageUnavailable, "the uploaded file could not be read just now")
            .caused_by(error),
    }
}

/// The host that the owner named; for the log.
pub fn host(source: &ImageSource) -> Option<String> {
    match source {
        ImageSource::Url { url } => Url::parse(url).ok()?.host_str().map(str::to_owned),
        ImageSource::Object { .. } => None,
    }
}
