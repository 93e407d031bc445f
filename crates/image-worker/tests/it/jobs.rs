//! Jobs from the queue to the bucket and the answer.

use std::{fs, time::Duration};

use domain::{
    ImageErrorCode::{
        self, BlockedAddress, CorruptImage, DownloadFailed, DownloadTimeout, TooLarge, TooManyPixels,
        UnsupportedFormat,
    },
    ImageFormat, ImageId,
};
use messages::{ImageResult, ImageSource, Job};
use storage_s3::{CACHE_IMMUTABLE, keys};
use testkit::{Reply, eventually, pictures};

use crate::stage::{DEADLINE, LIMITS, Stage};

fn photograph() -> Vec<u8> {
    fs::read(pictures::photograph_small()).unwrap()
}

#[tokio::test]
async fn a_photograph_becomes_variants_in_the_bucket() {
    let stage = Stage::open().await;
    let file = photograph();
    let url = stage.origin.serve("/a.jpg", Reply::jpeg(file.clone()));
    let job = stage.ask_for_url(url).await;
    let processed = stage.processed(&job).await;

    assert_eq!(processed.product_id, job.product_id);
    assert_eq!((processed.generation, processed.attempt), (1, 1));
    assert_eq!(
        (processed.format, processed.bytes),
        (ImageFormat::Jpeg, file.len() as u64)
    );
    let longest = processed.width.max(processed.height);
    let names: Vec<_> = processed
        .variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.format))
        .collect();
    for name in ["thumbnail", "medium", "large"] {
        for format in [ImageFormat::Jpeg, ImageFormat::WebP] {
            assert!(names.contains(&(name, format)), "{names:?}");
        }
    }
    assert_eq!(names.len(), 6);
    for variant in &processed.variants {
        let edge = match variant.name.as_str() {
            "thumbnail" => 200,
            "medium" => 800,
            _ => 1_600,
        };
        assert_eq!(
            variant.width.max(variant.height),
            longest.min(edge),
            "{variant:?}"
        );
        let key = keys::variant_key(job.image_id, 1, &variant.name, variant.format);
        assert_eq!(variant.key, key);
        let object = stage.bucket.object(&key).await.expect("the variant is stored");
        assert_eq!(object.bytes.len() as u64, variant.bytes);
        assert_eq!(object.content_type.as_deref(), Some(variant.format.media_type()));
        assert_eq!(object.cache_control.as_deref(), Some(CACHE_IMMUTABLE));
        match variant.format {
            ImageFormat::Jpeg => assert!(object.bytes.starts_with(&[0xff, 0xd8, 0xff])),
            _ => assert_eq!(&object.bytes[8..12], b"WEBP"),
        }
    }
    let key = keys::original_key(job.image_id, 1);
    assert_eq!(processed.original_key.as_ref(), Some(&key));
    let original = stage.bucket.object(&key).await.expect("the original is kept");
    assert!(original.bytes == file);
    assert_eq!(original.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(original.cache_control.as_deref(), Some("private"));
    let placeholder = processed.placeholder.expect("there is a placeholder");
    assert!(placeholder.color.starts_with('#'), "{placeholder:?}");
    let first = stage.answers(job.image_id).remove(0);
    assert!(matches!(first, ImageResult::Started(started) if started.attempt == 1));
}

#[tokio::test]
async fn a_photograph_that_lies_on_its_side_is_stood_up() {
    let stage = Stage::open().await;
    // Stored 2976 wide and 4032 high; its orientation says that this is to be turned.
    let file = fs::read(pictures::photograph_rotated()).unwrap();
    let job = stage
        .ask_for_url(stage.origin.serve("/a.jpg", Reply::jpeg(file)))
        .await;
    let processed = stage.processed(&job).await;
    assert_eq!((processed.width, processed.height), (4_032, 2_976));
    for variant in &processed.variants {
        assert!(variant.width > variant.height, "{variant:?}");
    }
}

#[tokio::test]
async fn a_picture_is_known_by_its_content_whatever_type_its_server_declares() {
    let stage = Stage::open().await;
    for (path, declared) in [
        ("/page.html", "text/html; charset=utf-8"),
        ("/a.jpg", "image/jpeg"),
        ("/a", "application/octet-stream"),
        ("/a.svg", "image/svg+xml"),
        ("/nothing", ""),
    ] {
        let reply = Reply::bytes(declared, pictures::png(60, 40, [9, 9, 9]));
        let job = stage.ask_for_url(stage.origin.serve(path, reply)).await;
        let processed = stage.processed(&job).await;
        assert_eq!(processed.format, ImageFormat::Png, "{declared}");
        // What is kept of it is declared by what it is.
        let original = stage
            .bucket
            .object(&keys::original_key(job.image_id, 1))
            .await
            .unwrap();
        assert_eq!(original.content_type.as_deref(), Some("image/png"), "{declared}");
    }
}

#[tokio::test]
async fn hostile_sources_fail_each_with_its_code_and_the_worker_goes_on() {
    let stage = Stage::open().await;
    let origin = &stage.origin;
    let endless = Reply::Endless {
        content_type: "image/jpeg".to_owned(),
        start: photograph()[..1_000].to_vec().into(),
    };
    let loops = Reply::redirect("/loop.jpg");
    let metadata = Reply::redirect("http://169.254.169.254/latest/meta-data/");
    let truncated = pictures::truncated(photograph());
    let cases: [(&str, Reply, ImageErrorCode); 9] = [
        ("/page.jpg", Reply::html(), UnsupportedFormat),
        ("/empty.jpg", Reply::jpeg(Vec::new()), UnsupportedFormat),
        (
            "/huge.png",
            Reply::png(pictures::png_announcing(60_000, 60_000)),
            TooManyPixels,
        ),
        (
            "/huge.jpg",
            Reply::jpeg(pictures::jpeg_announcing(60_000, 60_000)),
            TooManyPixels,
        ),
        ("/half.jpg", Reply::jpeg(truncated), CorruptImage),
        ("/endless.jpg", endless, TooLarge),
        ("/metadata.jpg", metadata, BlockedAddress),
        ("/loop.jpg", loops, DownloadFailed),
        ("/gone.jpg", Reply::Status(410), DownloadFailed),
    ];
    let mut jobs = Vec::new();
    for (path, reply, code) in cases {
        jobs.push((stage.ask_for_url(origin.serve(path, reply)).await, code));
    }
    for (job, code) in &jobs {
        let failed = stage.failed(job).await;
        assert_eq!(
            failed.error.code, *code,
            "{:?}: {}",
            job.source, failed.error.detail
        );
        // What is final is not tried again.
        assert_eq!(failed.attempt, 1, "{:?}", job.source);
        assert!(!failed.error.detail.is_empty());
        assert!(
            !failed.error.detail.contains("169.254"),
            "{}",
            failed.error.detail
        );
    }
    let good = stage
        .ask_for_url(origin.serve("/good.jpg", Reply::jpeg(photograph())))
        .await;
    stage.processed(&good).await;
    stage.dead(0).await;
    assert!(
        stage
            .bucket
            .keys("")
            .await
            .iter()
            .all(|key| key.contains(&good.image_id.to_string()))
    );
}

#[tokio::test]
async fn a_source_that_heals_is_ready_at_the_third_attempt() {
    let stage = Stage::open().await;
    let reply = Reply::jpeg(photograph()).after_failures(2, 500);
    let job = stage.ask_for_url(stage.origin.serve("/a.jpg", reply)).await;
    assert_eq!(stage.processed(&job).await.attempt, 3);
    assert_eq!(stage.origin.hits("/a.jpg"), 3);
    let started = stage
        .answers(job.image_id)
        .into_iter()
        .filter_map(|answer| match answer {
            ImageResult::Started(started) => Some(started.attempt),
            _ => None,
        });
    assert_eq!(started.collect::<Vec<_>>(), [1, 2, 3]);
    stage.dead(0).await;
}

#[tokio::test]
async fn a_source_that_never_heals_fails_with_its_own_code_and_leaves_a_dead_letter() {
    let stage = Stage::open().await;
    let job = stage
        .ask_for_url(stage.origin.serve("/a.jpg", Reply::Status(500)))
        .await;
    let failed = stage.failed(&job).await;
    assert_eq!((failed.error.code, failed.attempt), (DownloadFailed, 3));
    assert_eq!(failed.error.detail, "the source answered 500");
    assert_eq!(stage.origin.hits("/a.jpg"), 3);
    stage.dead(1).await;
    let good = stage
        .origin
        .serve("/good.png", Reply::png(pictures::png(64, 32, [200, 0, 0])));
    let good = stage.ask_for_url(good).await;
    assert_eq!(stage.processed(&good).await.format, ImageFormat::Png);
}

#[tokio::test]
async fn a_source_that_dribbles_fails_as_too_slow() {
    let mut limits = LIMITS;
    limits.total_timeout = Duration::from_secs(1);
    let stage = Stage::with(limits, &[Duration::from_millis(100)]).await;
    let reply = Reply::Slow {
        content_type: "image/jpeg".to_owned(),
        body: photograph().into(),
        bytes_per_second: 100,
    };
    let job = stage.ask_for_url(stage.origin.serve("/a.jpg", reply)).await;
    let failed = stage.failed(&job).await;
    assert_eq!((failed.error.code, failed.attempt), (DownloadTimeout, 2));
    stage.dead(1).await;
}

#[tokio::test]
async fn a_job_that_comes_twice_writes_the_same_objects() {
    let stage = Stage::open().await;
    let url = stage
        .origin
        .serve("/a.png", Reply::png(pictures::png(300, 200, [10, 200, 30])));
    let job = stage.ask_for_url(url).await;
    let first = stage.processed(&job).await;
    let keys = stage.bucket.keys("").await;
    stage.publish(&Job::Process(job.clone())).await;
    let twice = eventually(DEADLINE, || async {
        let answers = stage.answers(job.image_id).into_iter();
        let processed: Vec<_> = answers
            .filter(|answer| matches!(answer, ImageResult::Processed(_)))
            .collect();
        (processed.len() == 2).then_some(processed)
    })
    .await;
    assert_eq!(twice[0], twice[1]);
    assert_eq!(twice[0], ImageResult::Processed(first));
    assert_eq!(stage.bucket.keys("").await, keys);
    // Six variants, and the original.
    assert_eq!(keys.len(), 7);
}

#[tokio::test]
async fn an_upload_is_read_from_the_bucket() {
    let stage = Stage::open().await;
    let store = stage.bucket.store().await;
    let key = keys::original_key(ImageId::generate(), 1);
    store
        .object_put(&key, photograph().into(), "image/jpeg", CACHE_IMMUTABLE)
        .await
        .unwrap();
    let job = stage.ask_for(ImageSource::Object { key: key.clone() }).await;
    let processed = stage.processed(&job).await;
    assert_eq!(processed.format, ImageFormat::Jpeg);
    // It is kept where it lies.
    assert_eq!(processed.original_key.as_deref(), Some(key.as_str()));
    assert_eq!(stage.bucket.keys("originals/").await, [key]);

    let missing = keys::original_key(ImageId::generate(), 1);
    let heavy = keys::original_key(ImageId::generate(), 1);
    let bytes = vec![0xff; usize::try_from(LIMITS.max_stored_bytes).unwrap() + 1];
    store
        .object_put(&heavy, bytes.into(), "image/jpeg", CACHE_IMMUTABLE)
        .await
        .unwrap();
    for (key, code) in [(missing, DownloadFailed), (heavy, TooLarge)] {
        let job = stage.ask_for(ImageSource::Object { key }).await;
        let failed = stage.failed(&job).await;
        assert_eq!((failed.error.code, failed.attempt), (code, 1));
    }
}
