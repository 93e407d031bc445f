//! Puts the variants of a picture, and the file that they were made from, into the bucket.
//!
//! Each object says what it is, since S3 can be given no `X-Content-Type-Options` for a client that would rather guess;
//! that header is for whatever serves the bucket.

use std::time::Instant;

use bytes::Bytes;
use domain::{ImageFormat, Variant};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use imaging::RenderedVariant;
use messages::ImageProcessV1;
use storage_s3::{CACHE_IMMUTABLE, CACHE_PRIVATE, keys};
use tracing::info;

use crate::{
    patience::{Interrupted, Patience},
    timing::milliseconds_since,
};

/// Uploads of one picture that are under way at once.
const UPLOADS_AT_ONCE: usize = 4;

/// Stores `renditions` under the keys of the job's picture and generation, so that another run writes over the
/// same objects. The answer keeps their order.
///
/// # Errors
/// What [`Patience::carry_out`] says.
pub async fn store_variants(
    patience: Patience<'_>,
    job: &ImageProcessV1,
    renditions: Vec<RenderedVariant>,
) -> Result<Vec<Variant>, Interrupted> {
    let began = Instant::now();
    let variants: Vec<Variant> = stream::iter(renditions)
        .map(|rendition| store_variant(patience, job, rendition))
        .buffered(UPLOADS_AT_ONCE)
        .try_collect()
        .await?;
    info!(
        objects = variants.len(),
        bytes = variants.iter().map(|variant| variant.bytes).sum::<u64>(),
        duration_ms = milliseconds_since(began),
        "uploaded",
    );
    Ok(variants)
}

/// Stores the file of the job's picture as it came, where only this system reads it, and returns its key.
///
/// # Errors
/// What [`Patience::carry_out`] says.
pub async fn store_original(
    patience: Patience<'_>,
    job: &ImageProcessV1,
    format: ImageFormat,
    file: Bytes,
) -> Result<String, Interrupted> {
    let began = Instant::now();
    let key = keys::original_key(job.image_id, job.generation);
    patience
        .carry_out(|store| {
            let (key, file) = (&key, file.clone());
            async move {
                store
                    .object_put(key, file, format.media_type(), CACHE_PRIVATE)
                    .await
            }
        })
        .await?;
    info!(
        bytes = file.len(),
        duration_ms = milliseconds_since(began),
        "original kept",
    );
    Ok(key)
}

async fn store_variant(
    patience: Patience<'_>,
    job: &ImageProcessV1,
    rendition: RenderedVariant,
) -> Result<Variant, Interrupted> {
    let key = keys::variant_key(job.image_id, job.generation, &rendition.name, rendition.format);
    let body = Bytes::from(rendition.bytes);
    let bytes = body.len() as u64;
    let media_type = rendition.format.media_type();
    patience
        .carry_out(|store| {
            let (key, body) = (&key, body.clone());
            async move { store.object_put(key, body, media_type, CACHE_IMMUTABLE).await }
        })
        .await?;
    Ok(Variant {
        name: rendition.name,
        format: rendition.format,
        width: rendition.width,
        height: rendition.height,
        bytes,
        key,
    })
}
