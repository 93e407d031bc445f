//! Calling the apis, and judging how they answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, Response};
use serde_json::Value;
use testkit::http_client;

use super::{
    evidence::{Evidence, Promise},
    figures::{Class, Figures, Operation},
    windows::{Target, Windows},
};

/// Longer than the 10 s within which an api answers whatever happens.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What came of a call.
#[derive(Debug)]
pub enum Outcome {
    /// An answer below 500.
    Answer(Answer),
    /// Nobody was there to take the call, so nothing has happened.
    NotSent,
    /// It may have been carried out or not, or be yet to come.
    Unknown,
}

/// An answer below 500.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Idempotency-Replayed`
    pub is_replay: bool,
    /// The body; null where there is none.
    pub body: Value,
    /// When the call began.
    pub begun: Instant,
    /// When the answer was there.
    pub ended: Instant,
}

/// A call to be.
#[derive(Debug)]
pub struct Call<'c> {
    operation: Operation,
    method: Method,
    /// Beneath `/api/v1`.
    path: &'c str,
    body: Option<&'c Value>,
    /// Beside the usual ones.
    header: Option<(&'static str, String)>,
}

impl<'c> Call<'c> {
    /// A call without body or header.
    pub fn new(operation: Operation, method: Method, path: &'c str) -> Self {
        Self {
            operation,
            method,
            path,
            body: None,
            header: None,
        }
    }

    /// Adds a body.
    #[must_use]
    pub fn with_body(mut self, body: &'c Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }
}

/// A client of both apis.
pub struct Client {
    http: reqwest::Client,
    apis: [String; 2],
    figures: Arc<Figures>,
    evidence: Arc<Evidence>,
    windows: Arc<Windows>,
    sent: AtomicU64,
}

impl Client {
    /// A client whose calls count.
    pub fn new(
        apis: [String; 2],
        figures: Arc<Figures>,
        evidence: Arc<Evidence>,
        windows: Arc<Windows>,
    ) -> Self {
        Self {
            http: http_client(),
            apis,
            figures,
            evidence,
            windows,
            sent: AtomicU64::default(),
        }
    }

    /// Calls one of the apis, and holds it to what a caller may expect.
    pub async fn call(&self, api: usize, call: Call<'_>) -> Outcome {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/api/v1{}", self.apis[api], call.path);
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .timeout(TIMEOUT)
            .header("x-request-id", format!("chaos-{number}"));
        if let Some(body) = call.body {
            request = request.json(body);
        }
        if let Some((name, value)) = &call.header {
            request = request.header(*name, value);
        }
        let begun = Instant::now();
        let outcome = match request.send().await {
            Ok(response) => self.read(response, begun, number, &call).await,
            Err(error) if error.is_connect() => Err((Outcome::NotSent, "not connected".to_owned())),
            Err(error) => Err((Outcome::Unknown, error.without_url().to_string())),
        };
        let ended = Instant::now();
        let (outcome, class) = match outcome {
            Ok((outcome, status)) => (outcome, Class::of_status(status)),
            Err((outcome, why)) => {
                let excused = self
                    .windows
                    .disturbed(&[Target::Api, Target::Postgres], begun, ended);
                self.evidence.check(Promise::CallsAnswered, excused, || {
                    let took = ended - begun;
                    format!(
                        "chaos-{number} {} {} had no answer in {took:.1?}: {why}",
                        call.method, call.path
                    )
                });
                let class = match outcome {
                    Outcome::NotSent => Class::NotSent,
                    _ => Class::NoAnswer,
                };
                (outcome, class)
            }
        };
        let disturbed = !self.windows.calm(begun, ended);
        self.figures
            .count(call.operation, class, ended - begun, disturbed);
        outcome
    }

    async fn read(
        &self,
        response: Response,
        begun: Instant,
        number: u64,
        call: &Call<'_>,
    ) -> Result<(Outcome, u16), (Outcome, String)> {
        let status = response.status().as_u16();
        let names_a_time = response.headers().contains_key("retry-after");
        let is_replay = response.headers().contains_key("idempotency-replayed");
        let bytes = response.bytes().await;
        let bytes = bytes.map_err(|error| (Outcome::Unknown, error.without_url().to_string()))?;
        let ended = Instant::now();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status >= 500 {
            let guilty = [Target::Api, Target::Postgres];
            let excused = status == 503 && names_a_time && self.windows.disturbed(&guilty, begun, ended);
            self.evidence.check(Promise::CallsAnswered, excused, || {
                let after = if names_a_time { "with" } else { "without" };
                format!(
                    "chaos-{number} {} {} was answered {status} {after} Retry-After: {}",
                    call.method, call.path, body["detail"]
                )
            });
            return Ok((Outcome::Unknown, status));
        }
        // A process that stood still finds requests that began long ago, and ends them unread.
        if status == 408 && self.windows.disturbed(&[Target::Api], begun, ended) {
            return Ok((Outcome::NotSent, status));
        }
        self.evidence.check(Promise::CallsAnswered, true, String::new);
        let answer = Answer {
            status,
            is_replay,
            body,
            begun,
            ended,
        };
        Ok((Outcome::Answer(answer), status))
    }
}
