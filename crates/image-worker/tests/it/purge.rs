//! Objects of pictures that are no longer wanted.

use domain::{ImageFormat, ImageId};
use messages::{ImagePurgeV1, Job};
use storage_s3::{CACHE_IMMUTABLE, keys};
use testkit::{Reply, eventually, pictures};

use crate::stage::{DEADLINE, Stage};

async fn fill(stage: &Stage, image_id: ImageId) {
    let store = stage.bucket.store().await;
    let keys = [
        keys::original_key(image_id, 1),
        keys::variant_key(image_id, 1, "thumbnail", ImageFormat::Jpeg),
        keys::variant_key(image_id, 2, "thumbnail", ImageFormat::Jpeg),
        keys::variant_key(image_id, 2, "large", ImageFormat::WebP),
    ];
    for key in keys {
        store
            .object_put(&key, "anything".into(), "image/jpeg", CACHE_IMMUTABLE)
            .await
            .unwrap();
    }
}

/// What lies in the bucket, once it is down to so many objects.
async fn left(stage: &Stage, count: usize) -> Vec<String> {
    eventually(DEADLINE, || async {
        let keys = stage.bucket.keys("").await;
        (keys.len() == count).then_some(keys)
    })
    .await
}

#[tokio::test]
async fn a_purge_deletes_one_generation_or_everything_and_nothing_of_others() {
    let stage = Stage::open().await;
    let (gone, kept) = (ImageId::generate(), ImageId::generate());
    for image_id in [gone, kept] {
        fill(&stage, image_id).await;
    }
    let purge = |generation| {
        Job::Purge(ImagePurgeV1 {
            image_id: gone,
            generation,
        })
    };
    stage.publish(&purge(Some(2))).await;
    let keys = left(&stage, 6).await;
    assert!(
        !keys
            .iter()
            .any(|key| key.starts_with(&format!("variants/{gone}/2/"))),
        "{keys:?}"
    );

    stage.publish(&purge(None)).await;
    let keys = left(&stage, 4).await;
    assert!(keys.iter().all(|key| key.contains(&kept.to_string())), "{keys:?}");

    // Nothing is left to delete, which is no failure.
    stage.publish(&purge(None)).await;
    let png = stage
        .origin
        .serve("/a.png", Reply::png(pictures::png(8, 8, [1, 2, 3])));
    let job = stage.ask_for_url(png).await;
    stage.processed(&job).await;
    stage.dead(0).await;
}
