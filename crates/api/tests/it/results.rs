//! From a worker's answer to the product.

use std::time::Duration;

use api::{products::Catalogue, results::ResultsHandler};
use broker::{Broker, BrokerConfig, Delivery, Handler as _, Outcome, Publisher};
use domain::{Currency, ImageError, ImageErrorCode, ImageFormat, ImageId, ProductId, Variant};
use messages::{Envelope, ImageFailedV1, ImageProcessedV1, ImageResult, ImageStartedV1, Work};
use serde_json::{Value, json};
use storage_postgres::Database;
use storage_redis::LiveChannel;
use storage_s3::PublicUrls;
use testkit::{TestBucket, TestDatabase, TestRedis, eventually};
use tokio_util::sync::CancellationToken;

use crate::app::{Answer, TestApp, redacted};

const PATIENCE: Duration = Duration::from_secs(15);

/// Answers as a worker does.
pub(crate) struct Worker {
    publisher: Publisher,
    product: ProductId,
    image: ImageId,
}

impl Worker {
    /// For one picture of a product.
    pub(crate) fn new(app: &TestApp, product: &Answer, index: usize) -> Self {
        let broker = Broker::start(broker_config(app), CancellationToken::new());
        let image = product.body["images"][index]["id"].as_str().unwrap();
        Self {
            publisher: broker.publisher(),
            product: product.id().parse().unwrap(),
            image: image.parse().unwrap(),
        }
    }

    async fn answer(&self, result: ImageResult) {
        let envelope = Envelope::first(self.image.uuid(), Some("order-7".to_owned()), None);
        self.publisher.publish(&envelope, &result).await.unwrap();
    }

    pub(crate) async fn started(&self, attempt: u32) {
        self.answer(self.begun(attempt)).await;
    }

    /// What is answered when an attempt begins.
    pub(crate) fn begun(&self, attempt: u32) -> ImageResult {
        let (product_id, image_id) = (self.product, self.image);
        ImageResult::Started(ImageStartedV1 {
            product_id,
            image_id,
            generation: 1,
            attempt,
        })
    }

    pub(crate) async fn processed(&self) {
        let key = format!("variants/{}/1/thumbnail.webp", self.image);
        self.answer(ImageResult::Processed(ImageProcessedV1 {
            product_id: self.product,
            image_id: self.image,
            generation: 1,
            attempt: 1,
            width: 3000,
            height: 4000,
            format: ImageFormat::Jpeg,
            bytes: 2_000_000,
            animated: false,
            original_key: None,
            placeholder: None,
            variants: vec![Variant {
                name: "thumbnail".to_owned(),
                format: ImageFormat::WebP,
                width: 150,
                height: 200,
                bytes: 6_123,
                key,
            }],
        }))
        .await;
    }

    pub(crate) async fn failed(&self, code: ImageErrorCode) {
        let error = ImageError {
            code,
            detail: "The file is a web page; give a picture.".to_owned(),
        };
        let (product_id, image_id) = (self.product, self.image);
        self.answer(ImageResult::Failed(ImageFailedV1 {
            product_id,
            image_id,
            generation: 1,
            attempt: 1,
            error,
        }))
        .await;
    }
}

pub(crate) fn broker_config(app: &TestApp) -> BrokerConfig {
    BrokerConfig {
        host: app.broker.host.clone(),
        port: app.broker.port,
        user: app.broker.user.clone(),
        password: app.broker.password.clone().into(),
        vhost: app.broker.vhost.clone(),
        prefix: app.broker.prefix().to_owned(),
        connect_timeout: Duration::from_secs(5),
        confirm_timeout: Duration::from_secs(5),
        retry_delays: [10, 60, 600].map(Duration::from_secs).to_vec(),
        connection_name: "test".to_owned(),
    }
}

pub(crate) async fn until(app: &TestApp, id: &str, is: impl Fn(&Value) -> bool) -> Answer {
    eventually(PATIENCE, async || {
        let answer = app.product(id).await;
        is(&answer.body).then_some(answer)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_shows_its_variants_as_soon_as_it_is_ready() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let worker = Worker::new(&app, &created, 0);
    worker.started(1).await;
    let processing = until(&app, created.id(), |product| {
        product["images_status"] == "processing"
    })
    .await;
    assert_eq!(
        (
            &processing.body["version"],
            &processing.body["images"][0]["attempts"]
        ),
        (&json!(2), &json!(1))
    );
    worker.processed().await;
    let ready = until(&app, created.id(), |product| product["images_status"] == "ready").await;
    assert_eq!(
        (&ready.body["version"], ready.header("etag")),
        (&json!(3), "\"3\"")
    );
    let image = &ready.body["images"][0];
    let url = format!(
        "https://pictures.example.com/variants/{}/1/thumbnail.webp",
        worker.image
    );
    assert_eq!(image["variants"][0]["url"], url);
    let mut shown = redacted(image);
    shown["variants"][0]["url"] = json!("[url]");
    insta::assert_json_snapshot!("ready_picture", shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_picture_says_why() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 2).await;
    Worker::new(&app, &created, 0)
        .failed(ImageErrorCode::UnsupportedFormat)
        .await;
    Worker::new(&app, &created, 1).processed().await;
    let partial = until(&app, created.id(), |product| {
        product["images_status"] == "partial"
    })
    .await;
    let error = json!({"code": "unsupported_format", "detail": "The file is a web page; give a picture.", "retryable": false});
    assert_eq!(partial.body["images"][0]["error"], error);
    assert_eq!(partial.body["images"][1]["error"], Value::Null);
    assert_eq!(
        app.get("/api/v1/products?images_status=partial").await.body["data"][0],
        partial.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_comes_twice_or_too_late_changes_nothing() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 2).await;
    let worker = Worker::new(&app, &created, 0);
    worker.processed().await;
    let ready = until(&app, created.id(), |product| product["version"] == 2).await;
    worker.processed().await;
    worker.started(2).await;
    worker.failed(ImageErrorCode::CorruptImage).await;
    // The results are applied in any order; one for the other picture, sent last, shows that they were seen.
    eventually(PATIENCE, async || (app.results().await == 0).then_some(())).await;
    Worker::new(&app, &created, 1).started(1).await;
    let after = until(&app, created.id(), |product| {
        product["images"][1]["status"] == "processing"
    })
    .await;
    assert_eq!(after.body["version"], 3, "one for each picture's own change");
    assert_eq!(after.body["images"][0], ready.body["images"][0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variants_of_a_picture_that_is_gone_are_purged() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let worker = Worker::new(&app, &created, 0);
    assert_eq!(app.delete(created.id(), &[]).await.status, 204);
    eventually(PATIENCE, async || (app.jobs().await == 2).then_some(())).await;
    worker.processed().await;
    eventually(PATIENCE, async || (app.jobs().await == 3).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_waits_for_the_database_goes_back_at_a_stop_and_has_used_up_no_attempt() {
    let mut app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let worker = Worker::new(&app, &created, 0);
    app.database.refuse_connections().await;
    worker.processed().await;
    eventually(PATIENCE, async || (app.results().await == 0).then_some(())).await;
    app.stop().await;
    let queue = app.broker.names().queue(Work::Results);
    let message = app.broker.take(&queue, PATIENCE).await;
    assert_eq!(message.type_name, "image.processed.v1");
    assert_eq!(message.header("x-attempt"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_has_waited_long_for_the_database_goes_back_and_has_used_up_no_attempt() {
    let (room, bucket) = (TestDatabase::create().await, TestBucket::create().await);
    let catalogue = Catalogue {
        database: Database::new(&room.config()).unwrap(),
        cache: None,
        reads: api::products::read::Reads::default(),
        live: LiveChannel::new(&TestRedis::create().config()).unwrap(),
        urls: PublicUrls::new(&bucket.config()),
        currency: Currency::parse("EUR").unwrap(),
    };
    room.refuse_connections().await;
    let handler =
        ResultsHandler::new(catalogue, CancellationToken::new()).with_patience(Duration::from_millis(300));
    let image = ImageId::generate();
    let delivery = Delivery {
        message: ImageResult::Started(ImageStartedV1 {
            product_id: ProductId::generate(),
            image_id: image,
            generation: 1,
            attempt: 1,
        }),
        envelope: Envelope::first(image.uuid(), None, None),
        redelivered: false,
        last_attempt: true,
    };
    assert_eq!(handler.handle(&delivery).await, Outcome::PutBack);
}
