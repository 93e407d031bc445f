//! Which web pages may call from a browser (the CORS protocol of the Fetch standard).
//!
//! Keys and tokens travel in `Authorization`, which a page sets itself. Cookies and whatever else a browser adds by itself
//! count for nothing here, so that no answer ever allows them.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

/// What pages may do; whether there is such a route is for the request itself to find out.
const METHODS: &str = "GET, HEAD, POST, PATCH, DELETE";
/// Request headers that browsers do not send of their own accord.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, \
                               traceparent, X-Request-Id";
/// Response headers that pages could not read otherwise.
const RESPONSE_HEADERS: &str = "ETag, Link, Location, X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, \
                                Idempotency-Replayed, WWW-Authenticate, Allow, Accept-Patch";

/// Which pages may call.
#[derive(Clone, Debug)]
pub struct Cors {
    /// None: all.
    origins: Option<Vec<String>>,
    max_age: Duration,
}

impl Cors {
    /// Lets pages of these origins call, `*` being all; browsers remember it for `max_age`. None without origins.
    pub fn new(origins: &[String], max_age: Duration) -> Option<Self> {
        let all = origins.iter().any(|origin| origin == "*");
        (!origins.is_empty()).then(|| Self {
            origins: (!all).then(|| origins.to_vec()),
            max_age,
        })
    }

    /// Answers a browser that asks before it calls; none where the request is another. A page that may not call is told so by
    /// what is missing.
    pub(super) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = HttpResponse::NoContent();
        if self.allowed(headers.get(header::ORIGIN)).is_some() {
            response
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().to_string()));
        }
        Some(response.finish())
    }

    /// Adds to any answer, problems included, what lets the page of `origin` read it.
    pub(super) fn tell(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_some() {
            // Without this a cache could hand one page the answer to another.
            vary_by_origin(headers);
        }
        if let Some(allowed) = self.allowed(origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(RESPONSE_HEADERS),
            );
        }
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let origin = origin?;
        match &self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(origins) => origins
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
                .then(|| origin.clone()),
        }
    }
}

fn vary_by_origin(headers: &mut HeaderMap) {
    let mut vary = String::from("Origin");
    for others in headers
        .get_all(header::VARY)
        .filter_map(|value| value.to_str().ok())
    {
        vary.push_str(", ");
        vary.push_str(others);
    }
    if let Ok(vary) = HeaderValue::from_str(&vary) {
        headers.insert(header::VARY, vary);
    }
}
