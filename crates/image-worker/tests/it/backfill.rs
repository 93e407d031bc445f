//! The backfill beside the pictures of new products.

use std::fs;

use domain::{AccountId, ImageFormat, ImageId, ProductId};
use messages::{ImageProcessV1, ImagePurgeOriginalV1, ImagePurgeV1, ImageSource, Job};
use storage_s3::{CACHE_PRIVATE, keys};
use testkit::{Reply, eventually, pictures};

use crate::stage::{DEADLINE, Stage};

/// Far more than are done while a few others are.
const OLD: usize = 40;
const NEW: usize = 6;

fn again(url: &str) -> ImageProcessV1 {
    ImageProcessV1 {
        account_id: AccountId::DEFAULT,
        product_id: ProductId::generate(),
        image_id: ImageId::generate(),
        generation: 2,
        source: ImageSource::Url { url: url.to_owned() },
    }
}

#[tokio::test]
async fn a_backfill_does_not_hold_up_new_pictures() {
    let stage = Stage::open().await;
    let file = fs::read(pictures::photograph_small()).unwrap();
    let url = stage.origin.serve("/a.jpg", Reply::jpeg(file));
    let old: Vec<_> = (0..OLD).map(|_| again(&url)).collect();
    for job in &old {
        stage.publish_backfill(&Job::Process(job.clone())).await;
    }
    let ended = |job: &ImageProcessV1| stage.answers(job.image_id).len() > 1;
    eventually(DEADLINE, || async { old.iter().any(ended).then_some(()) }).await;
    let mut new = Vec::new();
    for _ in 0..NEW {
        new.push(stage.ask_for_url(url.clone()).await);
    }
    let before = old.iter().filter(|job| ended(job)).count();
    for job in &new {
        stage.processed(job).await;
    }
    let meanwhile = old.iter().filter(|job| ended(job)).count() - before;
    // What was under way ends, and one may begin before the last of the others arrives.
    assert!(
        meanwhile <= 3,
        "{meanwhile} of the backfill ended before {NEW} new pictures did"
    );
    // And it is done all the same.
    for job in &old {
        stage.processed(job).await;
    }
}

#[tokio::test]
async fn a_backfill_makes_and_purges_generations_like_any_job() {
    let stage = Stage::open().await;
    let file = fs::read(pictures::photograph_small()).unwrap();
    let url = stage.origin.serve("/a.jpg", Reply::jpeg(file));
    let job = again(&url);
    stage.publish_backfill(&Job::Process(job.clone())).await;
    let processed = stage.processed(&job).await;
    assert_eq!(processed.generation, 2);
    let prefix = keys::image_prefixes(job.image_id, Some(2)).remove(0);
    assert_eq!(stage.bucket.keys(&prefix).await.len(), processed.variants.len());
    stage
        .publish_backfill(&Job::Purge(ImagePurgeV1 {
            image_id: job.image_id,
            generation: Some(2),
        }))
        .await;
    eventually(DEADLINE, || async {
        stage.bucket.keys(&prefix).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_file_of_one_generation_is_deleted_and_nothing_else() {
    let stage = Stage::open().await;
    let store = stage.bucket.store().await;
    let image_id = ImageId::generate();
    let mut needed = [
        keys::original_key(image_id, 11),
        keys::original_key(image_id, 2),
        keys::variant_key(image_id, 1, "thumbnail", ImageFormat::Jpeg),
    ];
    for key in needed.iter().chain([&keys::original_key(image_id, 1)]) {
        store
            .object_put(key, "anything".into(), "image/jpeg", CACHE_PRIVATE)
            .await
            .unwrap();
    }
    needed.sort();
    let purge = Job::PurgeOriginal(ImagePurgeOriginalV1 {
        image_id,
        generation: 1,
    });
    // The second time there is nothing to delete, which is no failure.
    for _ in 0..2 {
        stage.publish_backfill(&purge).await;
        eventually(DEADLINE, || async {
            let mut left = stage.bucket.keys("").await;
            left.sort();
            (left == needed).then_some(())
        })
        .await;
    }
    stage.dead(0).await;
}
