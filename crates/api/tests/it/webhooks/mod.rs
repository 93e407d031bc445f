//! Webhooks, as their owners and their receivers see them.

mod deliveries;
mod endpoints;
mod log;
mod outages;
mod receiver;
mod repetitions;
mod safety;
mod signature;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use self::receiver::{Received, Receiver};
use crate::app::{Answer, TestApp};

const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
const SOON: Duration = Duration::from_secs(15);

/// Receivers on this machine, and a ladder of three short rungs.
const QUICK: [(&str, &str); 5] = [
    ("PMS__WEBHOOKS__ALLOWED_NETWORKS", "[127.0.0.0/8]"),
    ("PMS__WEBHOOKS__ALLOWED_PORTS", "[]"),
    ("PMS__WEBHOOKS__RETRY_DELAYS", "[100ms, 100ms, 100ms]"),
    ("PMS__WEBHOOKS__REQUEST_TIMEOUT", "1s"),
    ("PMS__OUTBOX__POLL_INTERVAL", "100ms"),
];

/// The same, with these instead of those.
fn quick<'a>(others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&QUICK, others].concat()
}

impl TestApp {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let kind = [("content-type", "application/json")];
        let headers: &[_] = if body.is_some() { &kind } else { &[] };
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, &format!("{ENDPOINTS}{path}"), headers, bytes)
            .await
    }

    /// An endpoint that wants to hear of `events`; its id and its secret.
    async fn endpoint(&self, url: &str, events: &[&str]) -> (String, String) {
        let body = json!({"url": url, "events": events});
        let created = self.ask(Method::POST, "", Some(body)).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let secret = created.body["secret"].as_str().unwrap();
        (created.id().to_owned(), secret.to_owned())
    }

    async fn endpoint_now(&self, id: &str) -> Value {
        self.get(&format!("{ENDPOINTS}/{id}")).await.body
    }

    /// The log of an endpoint, the newest first.
    async fn log(&self, id: &str) -> Vec<Value> {
        let log = self.get(&format!("{ENDPOINTS}/{id}/deliveries?limit=100")).await;
        log.body["data"].as_array().unwrap().clone()
    }

    /// The newest delivery, once it is so.
    async fn newest(&self, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(SOON, async || {
            self.log(id)
                .await
                .into_iter()
                .next()
                .filter(|delivery| is(delivery))
        })
        .await
    }

    async fn newest_is(&self, id: &str, status: &str) -> Value {
        self.newest(id, |delivery| delivery["status"] == status).await
    }
}

/// What came, once it is so much.
async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    eventually(SOON, async || {
        let received = receiver.received();
        (received.len() >= count).then_some(received)
    })
    .await
}
