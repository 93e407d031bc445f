//! `/api/v1/products/{id}/images`.

mod change;
mod create;
mod read;
mod refusals;
mod retry;
mod upload;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{TestBucket, pictures};

use crate::app::{Answer, TestApp};

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=cut-here");

impl TestApp {
    async fn add_image(&self, product: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        let path = format!("/api/v1/products/{product}/images");
        self.send(Method::POST, &path, &headers, body.to_string().into_bytes())
            .await
    }

    async fn upload(&self, product: &str, headers: &[(&str, &str)], parts: &[Part<'_>]) -> Answer {
        let headers = [headers, &[FORM]].concat();
        let path = format!("/api/v1/products/{product}/images");
        self.send(Method::POST, &path, &headers, form(parts)).await
    }

    async fn images(&self, product: &str) -> Answer {
        self.get(&format!("/api/v1/products/{product}/images")).await
    }

    /// The addresses that the pictures of a product were fetched from, in their order.
    async fn order(&self, product: &str) -> Vec<String> {
        let images = self.images(product).await.body["data"].take();
        let sources = images.as_array().unwrap().iter();
        sources
            .map(|image| image["source_url"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// Name and content.
type Part<'a> = (&'a str, &'a [u8]);

/// A form as browsers send it.
fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let file = if *name == "file" {
            "; filename=\"a.txt\""
        } else {
            ""
        };
        body.extend(
            format!("--cut-here\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes(),
        );
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--cut-here--\r\n");
    body
}

fn by_address(name: &str) -> Value {
    json!({"source_url": format!("https://example.com/{name}.jpg")})
}

fn png() -> Vec<u8> {
    pictures::png(64, 48, [200, 30, 30])
}

/// An api with a bucket of its own.
struct Bench {
    app: TestApp,
    bucket: TestBucket,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        let bucket = TestBucket::create().await;
        let place = bucket.settings();
        let place = place.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<_> = place.chain(settings.iter().copied()).collect();
        let app = TestApp::start_with(&settings).await;
        Self { app, bucket }
    }

    /// Nothing of an upload is there: no picture, no object, and no job that waits or was published.
    async fn assert_nothing_stayed(&self, product: &Answer) {
        let now = self.app.product(product.id()).await;
        assert_eq!(now.body, product.body);
        assert_eq!(self.bucket.keys("").await, Vec::<String>::new());
        assert_eq!(self.app.jobs().await, 0);
    }
}
