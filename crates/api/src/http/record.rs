//! The one event, and the one measurement, that tell of a request.

use std::time::Instant;

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody as _},
    http::Method,
};
use tracing::field::display;

use crate::access::{Caller, Credential};

/// What is recorded of a caller who went away before the answer; no server sends it.
const CALLER_GONE: u16 = 499;

/// A request under way. It is recorded when it ends, however it ends.
pub(super) struct Record {
    begun: Instant,
    method: Method,
    route: String,
    /// None where it is not known, or not asked.
    caller: Option<Caller>,
    is_told: bool,
}

impl Record {
    pub(super) fn begin(method: Method, route: String) -> Self {
        Self {
            begun: Instant::now(),
            method,
            route,
            caller: None,
            is_told: false,
        }
    }

    /// It is known now who calls.
    pub(super) fn is_by(&mut self, caller: &Caller) {
        self.caller = Some(caller.clone());
    }

    /// Records the answer, with what the logs are to say of an error's cause.
    pub(super) fn finish(mut self, response: &HttpResponse<BoxBody>, cause: Option<&str>) {
        let bytes = match response.body().size() {
            BodySize::Sized(bytes) => bytes,
            BodySize::None | BodySize::Stream => 0,
        };
        self.tell(response.status().as_u16(), bytes, cause);
    }

    fn tell(&mut self, status: u16, bytes: u64, cause: Option<&str>) {
        self.is_told = true;
        let took = self.begun.elapsed().as_secs_f64();
        let labels = [
            ("method", self.label()),
            ("route", self.route.clone()),
            ("status", status.to_string()),
        ];
        metrics::histogram!("http_request_duration_seconds", &labels).record(took);
        // To the microsecond: more digits would be noise.
        let duration_ms = (took * 1_000_000.0).round() / 1_000.0;
        let (method, route) = (self.method.as_str(), self.route.as_str());
        let account = self.caller.as_ref().map(|caller| display(caller.account));
        let (key, subject) = match self.caller.as_ref().map(|caller| &caller.credential) {
            Some(Credential::Key(key)) => (Some(display(key)), None),
            Some(Credential::Token { subject }) => (None, subject.as_deref()),
            Some(Credential::Nothing) | None => (None, None),
        };
        match (status, cause) {
            (500.., error) => {
                tracing::error!(
                    method,
                    route,
                    status,
                    duration_ms,
                    bytes,
                    account,
                    key,
                    subject,
                    error,
                    "request failed"
                );
            }
            (CALLER_GONE, _) => {
                tracing::warn!(
                    method,
                    route,
                    status,
                    duration_ms,
                    bytes,
                    account,
                    key,
                    subject,
                    "the caller went away"
                );
            }
            _ => tracing::info!(
                method,
                route,
                status,
                duration_ms,
                bytes,
                account,
                key,
                subject,
                "request"
            ),
        }
    }

    /// The method, of which callers may invent any number: each would be a time series of its own.
    fn label(&self) -> String {
        const KNOWN: [Method; 7] = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        if KNOWN.contains(&self.method) {
            self.method.to_string()
        } else {
            "other".to_owned()
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(CALLER_GONE, 0, None);
        }
    }
}
