//! Deletes the objects of a picture that is no longer wanted.

use std::time::Instant;

use broker::Outcome;
use domain::ImageId;
use messages::{ImagePurgeOriginalV1, ImagePurgeV1};
use storage_s3::keys;
use tracing::info;

use crate::{
    patience::{Interrupted, Patience, PatientStore},
    timing::milliseconds_since,
};

/// Carries out a purge. Doing it again deletes nothing more.
pub async fn purge(store: &PatientStore, job: &ImagePurgeV1) -> Outcome {
    let began = Instant::now();
    let deleted = delete(store.for_job(), job).await;
    outcome(began, job.image_id, job.generation, deleted)
}

/// Deletes the file that a picture was made from, in one generation. Doing it again deletes nothing more.
pub async fn purge_original(store: &PatientStore, job: &ImagePurgeOriginalV1) -> Outcome {
    let began = Instant::now();
    let deleted = delete_original(store.for_job(), job).await.map(|()| 1);
    outcome(began, job.image_id, Some(job.generation), deleted)
}

fn outcome(
    began: Instant,
    image_id: ImageId,
    generation: Option<i32>,
    deleted: Result<u64, Interrupted>,
) -> Outcome {
    match deleted {
        Ok(objects) => {
            info!(
                %image_id,
                generation,
                objects,
                outcome = "purged",
                duration_ms = milliseconds_since(began),
                "job done",
            );
            Outcome::Done
        }
        Err(Interrupted::Stopping) => Outcome::PutBack,
        // Even what does not heal by itself is worth the retries: an operator can mend it, and nobody else asks again.
        Err(Interrupted::Failed(error)) => Outcome::Retry {
            reason: error.to_string(),
        },
    }
}

async fn delete(patience: Patience<'_>, job: &ImagePurgeV1) -> Result<u64, Interrupted> {
    patience.until_usable().await?;
    let mut objects = 0;
    for prefix in keys::image_prefixes(job.image_id, job.generation) {
        objects += patience
            .carry_out(|store| {
                let prefix = &prefix;
                async move { store.objects_delete_prefix(prefix).await }
            })
            .await?;
    }
    Ok(objects)
}

async fn delete_original(patience: Patience<'_>, job: &ImagePurgeOriginalV1) -> Result<(), Interrupted> {
    patience.until_usable().await?;
    let key = keys::original_key(job.image_id, job.generation);
    patience
        .carry_out(|store| {
            let key = &key;
            async move { store.object_delete(key).await }
        })
        .await
}
