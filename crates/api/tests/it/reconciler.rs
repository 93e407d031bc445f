//! What nobody answers for is put right.

use std::time::Duration;

use bytes::Bytes;
use domain::{ImageError, ImageErrorCode, ImageFormat, ImageId};
use messages::{ImageFailedV1, ImageProcessedV1, ImagePurgeV1, ImageResult, Job, Message as _, Work};
use storage_postgres::{
    Cause, Database, ReprocessChoice, StoredVariants, image_restart, image_result_apply,
    images_reprocess_ask, images_reprocess_begin,
};
use storage_s3::{ObjectStore, keys};
use testkit::{TestBucket, eventually};

use crate::app::{Answer, TestApp};

const PATIENCE: Duration = Duration::from_secs(30);

/// An api that looks every second, whatever its pictures wait for; its bucket and its database.
struct Bench {
    app: TestApp,
    bucket: TestBucket,
    store: ObjectStore,
    database: Database,
}

impl Bench {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let bucket = TestBucket::create().await;
        let place = bucket.settings();
        let place = place.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let fixed = [
            ("PMS__IMAGES__RECONCILE_EVERY", "1s"),
            ("PMS__IMAGES__ORPHAN_AGE", "0s"),
        ];
        let settings: Vec<_> = place.chain(fixed).chain(settings.iter().copied()).collect();
        let app = TestApp::start_with(&settings).await;
        Self {
            store: bucket.store().await,
            database: Database::new(&app.database.config()).unwrap(),
            app,
            bucket,
        }
    }

    /// The next job in the queue.
    async fn job(&self) -> Job {
        let queue = self.app.broker.names().queue(Work::Jobs);
        let message = self.app.broker.take(&queue, PATIENCE).await;
        Job::decode(&message.type_name, &message.body).unwrap()
    }

    /// The next message of the backfill.
    async fn backfill(&self) -> Job {
        let queue = self.app.broker.names().queue(Work::Backfill);
        let message = self.app.broker.take(&queue, PATIENCE).await;
        Job::decode(&message.type_name, &message.body).unwrap()
    }

    /// The same for a picture that is to be made again.
    async fn age_reprocess(&self, asks: u32) {
        self.app
            .database
            .execute(&format!(
                "UPDATE images SET reprocess_asks = {asks}, reprocess_silent_since = now() - interval '1 day'"
            ))
            .await;
    }

    /// Lets a picture wait, as if the time had passed; `asks` is how often it was asked for again.
    async fn age(&self, asks: u32) {
        self.app
            .database
            .execute(&format!(
                "UPDATE images SET created_at = created_at - interval '2 days', asks = {asks}, \
                 updated_at = now() - interval '1 day', asked_at = now() - interval '1 day'"
            ))
            .await;
    }

    async fn apply(&self, result: &ImageResult) {
        image_result_apply(&self.database, result, &Cause::default())
            .await
            .unwrap();
    }

    async fn put(&self, image: ImageId, generation: i32) -> String {
        let key = keys::variant_key(image, generation, "thumbnail", ImageFormat::Jpeg);
        let bytes = Bytes::from_static(b"picture");
        let caching = storage_s3::CACHE_IMMUTABLE;
        self.store
            .object_put(&key, bytes, "image/jpeg", caching)
            .await
            .unwrap();
        key
    }
}

fn image(product: &Answer, index: usize) -> ImageId {
    product.body["images"][index]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

fn processed(product: &Answer, index: usize) -> ImageResult {
    ImageResult::Processed(ImageProcessedV1 {
        product_id: product.id().parse().unwrap(),
        image_id: image(product, index),
        generation: 1,
        attempt: 1,
        width: 3,
        height: 4,
        format: ImageFormat::Jpeg,
        bytes: 5,
        animated: false,
        original_key: None,
        placeholder: None,
        variants: vec![domain::Variant {
            name: "thumbnail".to_owned(),
            format: ImageFormat::Jpeg,
            width: 3,
            height: 4,
            bytes: 5,
            key: keys::variant_key(image(product, index), 1, "thumbnail", ImageFormat::Jpeg),
        }],
    })
}

fn failed(product: &Answer, index: usize) -> ImageResult {
    ImageResult::Failed(ImageFailedV1 {
        product_id: product.id().parse().unwrap(),
        image_id: image(product, index),
        generation: 1,
        attempt: 1,
        error: ImageError {
            code: ImageErrorCode::DownloadFailed,
            detail: "The source answered 503.".to_owned(),
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_lost_from_the_queue_is_asked_for_again_and_its_picture_becomes_ready() {
    let bench = Bench::start(&[]).await;
    let product = bench.app.create("Mug", 2).await;
    let (first, second) = (bench.job().await, bench.job().await);
    // One is lost, the other is answered.
    bench.apply(&processed(&product, 1)).await;
    bench.age(0).await;
    let again = bench.job().await;
    assert_eq!(again, first);
    assert_ne!(again, second);
    bench.apply(&processed(&product, 0)).await;
    eventually(PATIENCE, async || {
        (bench.app.product(product.id()).await.body["images_status"] == "ready").then_some(())
    })
    .await;
    // An answered picture is left alone, however old it is.
    bench.age(0).await;
    let purged = ImageId::generate();
    bench.put(purged, 1).await;
    assert!(matches!(bench.job().await, Job::Purge(job) if job.image_id == purged));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_no_asking_helps_ends_failed_and_callers_see_why() {
    let bench = Bench::start(&[]).await;
    let product = bench.app.create("Mug", 1).await;
    assert_eq!(
        bench.app.product(product.id()).await.body["images_status"],
        "pending"
    );
    bench.job().await;
    bench.age(5).await;
    let ended = eventually(PATIENCE, async || {
        let answer = bench.app.product(product.id()).await;
        (answer.body["images_status"] == "failed").then_some(answer)
    })
    .await;
    let error = &ended.body["images"][0]["error"];
    assert_eq!(error["code"], "processing_timeout");
    assert_eq!(
        error["detail"],
        "the picture was asked for 6 times, and no worker has told how it ended"
    );
    assert_eq!(ended.header("etag"), "\"2\"");
    assert_eq!(bench.app.jobs().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reprocess_is_asked_for_again_and_one_that_no_asking_helps_leaves_the_picture_as_it_was() {
    let bench = Bench::start(&[]).await;
    let product = bench.app.create("Mug", 1).await;
    bench.job().await;
    bench.apply(&processed(&product, 0)).await;
    let ready = eventually(PATIENCE, async || {
        let product = bench.app.product(product.id()).await;
        (product.body["images_status"] == "ready").then_some(product)
    })
    .await;
    let run = images_reprocess_begin(&bench.database).await.unwrap();
    let all = ReprocessChoice {
        run,
        account: None,
        since: None,
        stored: StoredVariants::MadeBefore(run),
    };
    images_reprocess_ask(&bench.database, &[image(&product, 0)], &all)
        .await
        .unwrap();
    let first = bench.backfill().await;
    bench.age_reprocess(0).await;
    assert_eq!(bench.backfill().await, first);
    bench.age_reprocess(5).await;
    let expected = Job::Purge(ImagePurgeV1 {
        image_id: image(&product, 0),
        generation: Some(2),
    });
    assert_eq!(bench.backfill().await, expected);
    assert_eq!(bench.app.product(product.id()).await.body, ready.body);
    let metrics = bench.app.get_from_operators("/metrics").await.text;
    assert!(metrics.contains("images_not_reprocessed_total 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_no_picture_needs_are_purged_and_no_others() {
    let bench = Bench::start(&[]).await;
    let product = bench.app.create("Mug", 4).await;
    for _ in 0..4 {
        bench.job().await;
    }
    bench.apply(&processed(&product, 1)).await;
    for given_up in [2, 3] {
        bench.apply(&failed(&product, given_up)).await;
    }
    let cause = Cause::default();
    image_restart(&bench.database, image(&product, 3), 1, &cause)
        .await
        .unwrap();
    for _ in 0..2 {
        bench.job().await;
    }
    let gone = ImageId::generate();
    for needed in [(0, 1), (1, 1), (3, 2)] {
        bench.put(image(&product, needed.0), needed.1).await;
    }
    let foreign = "variants/readme.txt";
    let text = Bytes::from_static(b"not ours");
    bench
        .store
        .object_put(foreign, text, "text/plain", "no-store")
        .await
        .unwrap();
    bench.put(gone, 7).await;
    bench.put(image(&product, 2), 1).await;
    bench.put(image(&product, 3), 1).await;

    let mut purges = Vec::new();
    for _ in 0..3 {
        match bench.job().await {
            Job::Purge(purge) => purges.push((purge.image_id, purge.generation)),
            other => panic!("{other:?}"),
        }
    }
    let mut expected = [
        (gone, None),
        (image(&product, 2), Some(1)),
        (image(&product, 3), Some(1)),
    ];
    purges.sort();
    expected.sort();
    assert_eq!(purges, expected);
    assert_eq!(bench.bucket.keys("").await.len(), 7, "only workers delete");
    // The next turns find the same, and do not ask again while the purge is under way.
    let later = ImageId::generate();
    bench.put(later, 1).await;
    assert!(matches!(bench.job().await, Job::Purge(job) if job.image_id == later));
    let metrics = bench.app.get_from_operators("/metrics").await.text;
    assert!(
        metrics.contains("reconciler_purges_total{reason=\"superseded\"}"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_object_is_kept_whoever_it_belongs_to() {
    let bench = Bench::start(&[("PMS__IMAGES__ORPHAN_AGE", "7d")]).await;
    bench.put(ImageId::generate(), 1).await;
    // A picture that is asked for again shows that a turn has been since.
    let product = bench.app.create("Mug", 1).await;
    bench.job().await;
    for _ in 0..2 {
        bench.age(0).await;
        assert!(matches!(bench.job().await, Job::Process(job) if job.image_id == image(&product, 0)));
    }
    assert_eq!(bench.app.jobs().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_s3_pictures_are_asked_for_all_the_same() {
    let bench = Bench::start(&[("PMS__AWS__ENDPOINT", "http://127.0.0.1:9")]).await;
    let product = bench.app.create("Mug", 1).await;
    bench.job().await;
    for _ in 0..2 {
        bench.age(0).await;
        assert!(matches!(bench.job().await, Job::Process(job) if job.image_id == image(&product, 0)));
    }
}
