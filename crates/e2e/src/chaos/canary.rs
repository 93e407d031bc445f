//! Seeing that the whole way works again after a fault.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::{Value, json};
use testkit::http_client;
use tokio::{join, time::sleep};

use super::sources::{Source, Sources};

/// How long one call may take; an api that is not there yet must not hold up the next look.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends a product with a picture through each api.
pub struct Canary {
    http: reqwest::Client,
    apis: [String; 2],
    sources: Arc<Sources>,
    flights: AtomicU64,
}

impl Canary {
    /// Ready to fly.
    pub fn new(apis: [String; 2], sources: Arc<Sources>) -> Self {
        Self {
            http: http_client(),
            apis,
            sources,
            flights: AtomicU64::default(),
        }
    }

    /// True once a product made through each api can be read as it was answered, and its picture is ready; false
    /// where that takes longer than `patience`.
    pub async fn fly(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let (one, other) = join!(self.fly_through(0, until), self.fly_through(1, until));
        one.is_some() && other.is_some()
    }

    async fn fly_through(&self, api: usize, until: Instant) -> Option<()> {
        let flight = self.flights.fetch_add(1, Ordering::Relaxed);
        let source = self
            .sources
            .serve(Source::Good, &mut Rng::with_seed(flight))
            .await;
        let body = json!({
            "name": format!("Canary {flight}"),
            "price": {"amount": "1.00"},
            "images": [{"source_url": source}],
        });
        let key = format!("canary-{flight}");
        let created = self.insist(until, 201, || {
            let request = self.http.post(format!("{}/api/v1/products", self.apis[api]));
            request.header("idempotency-key", &key).json(&body)
        });
        let created = created.await?;
        let path = format!("/api/v1/products/{}", created["id"].as_str()?);
        loop {
            let url = format!("{}{path}", self.apis[api]);
            let read = self.insist(until, 200, || self.http.get(&url)).await?;
            if read["name"] != created["name"] {
                return None;
            }
            match read["images_status"].as_str() {
                Some("ready") => return Some(()),
                Some("failed" | "partial") => return None,
                _ => sleep(PAUSE).await,
            }
        }
    }

    async fn insist(
        &self,
        until: Instant,
        wanted: u16,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> Option<Value> {
        while Instant::now() < until {
            if let Ok(response) = request().timeout(CALL_TIMEOUT).send().await
                && response.status() == wanted
                && let Ok(body) = response.json().await
            {
                return Some(body);
            }
            sleep(PAUSE).await;
        }
        None
    }
}
