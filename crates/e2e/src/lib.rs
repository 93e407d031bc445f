//! The whole system for a test: both binaries as real processes, on rooms of their own in real services.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up must fail, and say where"
)]

pub mod bench_images;
pub mod chaos;
pub mod drills;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    Binary, Origin, TestBroker, TestBucket, TestDatabase, TestRedis, Variables, eventually, free_port,
    http_client,
};

/// How long anything may take that is not about a fault.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The rooms, a server that pictures come from, and what the binaries are told of them.
pub struct System {
    /// Where products are.
    pub database: TestDatabase,
    /// Where messages are.
    pub broker: TestBroker,
    /// Where variants are.
    pub bucket: TestBucket,
    /// Where pictures come from.
    pub origin: Origin,
    redis: TestRedis,
    port: u16,
    client: reqwest::Client,
}

impl System {
    /// Makes the rooms, and starts nothing.
    pub async fn prepare() -> Self {
        let broker = TestBroker::create().await;
        broker.delete_retry_queues_at_the_end(&[Duration::from_secs(1), Duration::from_secs(2)]);
        Self {
            database: TestDatabase::create().await,
            broker,
            bucket: TestBucket::create().await,
            origin: Origin::start().await,
            redis: TestRedis::create(),
            port: free_port(),
            client: http_client(),
        }
    }

    /// What both binaries are told.
    pub fn settings(&self) -> Variables {
        let rooms = [
            self.database.settings(),
            self.broker.settings(),
            self.redis.settings(),
            self.bucket.settings(),
        ]
        .concat();
        let own = [
            ("PMS__SERVER__PORT", self.port.to_string()),
            ("PMS__SERVER__ADMIN_PORT", "0".to_owned()),
            ("PMS__IMAGES__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
            ("PMS__IMAGES__ALLOWED_PORTS", "[]".to_owned()),
            ("PMS__RABBITMQ__RETRY_DELAYS", "[1s, 2s]".to_owned()),
            ("PMS__LOGGING__FORMAT", "json".to_owned()),
        ];
        rooms
            .into_iter()
            .chain(own.map(|(name, value)| (name.to_owned(), value)))
            .collect()
    }

    /// Starts an api, and waits until it is ready.
    pub async fn start_api(&self) -> Binary {
        self.start_api_with(&[]).await
    }

    /// Starts an api with other settings than the rest.
    pub async fn start_api_with(&self, other: &[(&str, String)]) -> Binary {
        let mut api = Binary::start("api", &["serve"], with(self.settings(), other));
        api.wait_until_ready(&self.url("/health/ready"), PATIENCE).await;
        api
    }

    /// Starts a worker.
    pub fn start_worker(&self) -> Binary {
        self.start_worker_with(&[])
    }

    /// Starts a worker with other settings than the rest.
    pub fn start_worker_with(&self, other: &[(&str, String)]) -> Binary {
        Binary::start("image-worker", &[], with(self.settings(), other))
    }

    /// An address of the api.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Creates a product with pictures; its body.
    pub async fn create(&self, name: &str, sources: &[String]) -> Value {
        let images: Vec<_> = sources
            .iter()
            .map(|source| json!({"source_url": source}))
            .collect();
        let body = json!({"name": name, "price": {"amount": "5.00"}, "images": images});
        let response = self
            .client
            .post(self.url("/api/v1/products"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    /// Sends a request without a body; status and body.
    pub async fn send(&self, method: Method, path: &str) -> (u16, Value) {
        let response = self.client.request(method, self.url(path)).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// A product as it is now.
    pub async fn product(&self, id: &str) -> Value {
        self.send(Method::GET, &format!("/api/v1/products/{id}")).await.1
    }

    /// Waits until every picture of a product has ended.
    pub async fn settled(&self, product: &Value) -> Value {
        let id = product["id"].as_str().unwrap();
        eventually(PATIENCE, async || {
            let product = self.product(id).await;
            ["ready", "partial", "failed"]
                .iter()
                .any(|word| product["images_status"] == *word)
                .then_some(product)
        })
        .await
    }

    /// Waits until a product has pictures that a worker has begun with.
    pub async fn begun(&self, product: &Value) {
        let id = product["id"].as_str().unwrap();
        eventually(PATIENCE, async || {
            (self.product(id).await["images_status"] == "processing").then_some(())
        })
        .await;
    }
}

fn with(mut settings: Variables, other: &[(&str, String)]) -> Variables {
    settings.extend(
        other
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    settings
}
