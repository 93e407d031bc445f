//! A server of its own for each test.

use std::{sync::Arc, time::Duration};

use api::application::Application;
use messages::Work;
use reqwest::{Method, header::HeaderMap};
use runtime::{
    Settings, Shutdown,
    settings::{LoadOptions, Program},
};
use serde_json::{Value, json};
use testkit::{TestBroker, TestDatabase, TestRedis};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use crate::contract;

/// A running api.
pub(crate) struct TestApp {
    pub(crate) database: Arc<TestDatabase>,
    pub(crate) broker: Arc<TestBroker>,
    pub(crate) redis: Arc<TestRedis>,
    base: String,
    operators: String,
    client: reqwest::Client,
    shutdown: Shutdown,
    running: JoinHandle<anyhow::Result<()>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null where the body is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The value of a header, empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id of the product in the body.
    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with settings of its own, such as `("PMS__CACHE__ENABLED", "false")`.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let broker = Arc::new(TestBroker::create().await);
        Self::start_in(database, broker, Arc::new(TestRedis::create()), settings).await
    }

    async fn start_in(
        database: Arc<TestDatabase>,
        broker: Arc<TestBroker>,
        redis: Arc<TestRedis>,
        settings: &[(&str, &str)],
    ) -> Self {
        let environment = [database.settings(), broker.settings(), redis.settings()].concat();
        let fixed = [
            ("PMS__SERVER__PORT", "0"),
            ("PMS__SERVER__ADMIN_PORT", "0"),
            ("PMS__AWS__PUBLIC_BASE_URL", "https://pictures.example.com"),
        ];
        let options = LoadOptions::bare(Program::Api, std::env::temp_dir().join("no-such-folder"))
            .with_environment(environment)
            .with_environment(fixed)
            .with_environment(settings.iter().copied());
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let application = Application::build(&Settings::load(&options).unwrap(), shutdown.clone())
            .await
            .unwrap();
        let base = format!("http://{}", application.address());
        let operators = format!("http://{}", application.admin_address());
        let running = tokio::spawn(application.run_until_stopped());
        let client = testkit::http_client();
        Self {
            database,
            broker,
            redis,
            base,
            operators,
            client,
            shutdown,
            running,
        }
    }

    /// Address and port for callers.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Another api of the same shop, with settings of its own.
    pub(crate) async fn start_beside(&self, settings: &[(&str, &str)]) -> Self {
        let (database, broker) = (Arc::clone(&self.database), Arc::clone(&self.broker));
        Self::start_in(database, broker, Arc::clone(&self.redis), settings).await
    }

    /// Stops the api, as SIGTERM does, and keeps its parts.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.begin();
        (&mut self.running).await.unwrap().unwrap();
    }

    /// Ends the api in the middle of whatever it does, as a crash would, and keeps its parts.
    pub(crate) async fn crash(&mut self) {
        self.running.abort();
        assert!((&mut self.running).await.unwrap_err().is_cancelled());
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.base))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = read(request).await;
        contract::check(&method, path, &answer);
        answer
    }

    /// A connection of its own.
    pub(crate) async fn connect(&self) -> TcpStream {
        let address = self.base.trim_start_matches("http://");
        TcpStream::connect(address).await.unwrap()
    }

    /// Announces a body and sends only its beginning; the whole answer as text.
    pub(crate) async fn send_half_a_body(&self) -> String {
        let mut stream = self.connect().await;
        let head = "POST /api/v1/products HTTP/1.1\r\nhost: test\r\nx-request-id: half\r\n\
                    content-type: application/json\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Begins to read an answer that does not end by itself.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // This one counts until the end of the body.
        request.timeout(Duration::from_secs(120)).send().await.unwrap()
    }

    /// Asks on the operators' port.
    pub(crate) async fn get_from_operators(&self, path: &str) -> Answer {
        read(self.client.get(format!("{}{path}", self.operators))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    pub(crate) async fn post(&self, body: Value) -> Answer {
        self.post_with(&[], body).await
    }

    pub(crate) async fn post_with(&self, headers: &[(&str, &str)], body: Value) -> Answer {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        self.send(
            Method::POST,
            "/api/v1/products",
            &headers,
            body.to_string().into_bytes(),
        )
        .await
    }

    pub(crate) async fn patch(&self, id: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let headers = [headers, &[("content-type", "application/merge-patch+json")]].concat();
        self.send(
            Method::PATCH,
            &format!("/api/v1/products/{id}"),
            &headers,
            body.to_string().into_bytes(),
        )
        .await
    }

    pub(crate) async fn delete(&self, id: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(
            Method::DELETE,
            &format!("/api/v1/products/{id}"),
            headers,
            Vec::new(),
        )
        .await
    }

    pub(crate) async fn product(&self, id: &str) -> Answer {
        self.get(&format!("/api/v1/products/{id}")).await
    }

    /// A product with a number of pictures, which nobody will fetch; its body.
    pub(crate) async fn create(&self, name: &str, images: usize) -> Answer {
        let images: Vec<_> = (0..images)
            .map(|index| json!({"source_url": format!("https://example.com/{index}.jpg")}))
            .collect();
        let answer = self
            .post(json!({"name": name, "price": {"amount": "5.00"}, "images": images}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    }

    /// How many jobs wait for a worker.
    pub(crate) async fn jobs(&self) -> u32 {
        self.broker
            .queue_depth(&self.broker.names().queue(Work::Jobs))
            .await
            .unwrap_or(0)
    }

    /// How many results wait to be applied.
    pub(crate) async fn results(&self) -> u32 {
        self.broker
            .queue_depth(&self.broker.names().queue(Work::Results))
            .await
            .unwrap_or(0)
    }
}

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        text,
        body,
    }
}

/// A body with everything that differs from run to run replaced by what it is.
pub(crate) fn redacted(body: &Value) -> Value {
    match body {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let value = match name.as_str() {
                    "id" | "request_id" => json!(format!("[{name}]")),
                    "created_at" | "updated_at" => json!("[time]"),
                    _ => redacted(value),
                };
                (name.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        other => other.clone(),
    }
}
