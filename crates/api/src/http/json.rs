//! Reads a request's body as JSON.

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{Method, StatusCode, header},
    web::{self, Bytes},
};
use domain::ProblemCode;
use serde_json::Value;

use super::{problem::Problem, strict_json};

/// The longest body that is read, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// How long a body may take to arrive.
#[derive(Clone, Copy, Debug)]
pub struct BodyTimeout(pub Duration);

pub(super) const JSON: &str = "application/json";
/// What some editors begin a file with.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A body in JSON, as it came and as it was understood.
#[derive(Debug)]
pub struct JsonBody {
    /// As it was understood.
    pub value: Value,
    /// As it came.
    pub bytes: Bytes,
}

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = check_media_type(request);
        let limit = request
            .app_data::<web::Data<BodyLimit>>()
            .map_or(usize::MAX, |limit| limit.0);
        let patience = patience(request);
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            media_type?;
            let bytes = tokio::time::timeout(patience, bytes)
                .await
                .map_err(|_| too_slow(patience))?;
            let bytes = bytes.map_err(|error| unreadable(&error, limit))?;
            let value = strict_json::read(&bytes).map_err(|error| malformed(&bytes, &error))?;
            Ok(Self { value, bytes })
        })
    }
}

/// How long a body may take to arrive.
pub(super) fn patience(request: &HttpRequest) -> Duration {
    request
        .app_data::<web::Data<BodyTimeout>>()
        .map_or(Duration::MAX, |timeout| timeout.0)
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    if request.method() == Method::PATCH {
        let accept_patch = header::HeaderName::from_static("accept-patch");
        media_type(request, &[MERGE_PATCH, JSON], accept_patch)?;
    } else {
        media_type(request, &[JSON], header::ACCEPT)?;
    }
    Ok(())
}

/// Which of the `accepted` media types a body is of.
///
/// # Errors
/// `UnsupportedMediaType`, with the accepted ones in `answer_header`.
pub(super) fn media_type(
    request: &HttpRequest,
    accepted: &[&'static str],
    answer_header: header::HeaderName,
) -> Result<&'static str, Problem> {
    let given = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or("").to_ascii_lowercase();
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    if let Some(media_type) = accepted.iter().find(|accepted| **accepted == essence)
        && utf8
    {
        return Ok(media_type);
    }
    let given = if given.is_empty() {
        "The header `Content-Type` is missing".to_owned()
    } else {
        format!("`{given}` is not read here")
    };
    let accepted = accepted.join(", ");
    let detail = format!("{given}; send {accepted} in UTF-8.");
    Err(Problem::new(ProblemCode::UnsupportedMediaType, detail).with_header(answer_header, accepted))
}

pub(super) fn too_slow(patience: Duration) -> Problem {
    let patience = humantime::format_duration(patience);
    let detail = format!("The body did not arrive within {patience}.");
    Problem::new(ProblemCode::RequestTimeout, detail)
}

fn unreadable(error: &actix_web::Error, limit: usize) -> Problem {
    if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
        too_long(limit)
    } else {
        broken_off()
    }
}

pub(super) fn too_long(limit: usize) -> Problem {
    Problem::new(
        ProblemCode::BodyTooLarge,
        format!("The body is longer than {limit} bytes."),
    )
}

pub(super) fn broken_off() -> Problem {
    Problem::new(
        ProblemCode::MalformedRequest,
        "The body ended before it was complete.",
    )
}

pub(super) fn malformed(bytes: &[u8], error: &serde_json::Error) -> Problem {
    let detail = if bytes.is_empty() {
        "The body is empty; send a JSON object.".to_owned()
    } else if bytes.starts_with(BYTE_ORDER_MARK) {
        "The body begins with a byte order mark; leave it out.".to_owned()
    } else {
        format!("The body is not JSON: {error}.")
    };
    Problem::new(ProblemCode::MalformedJson, detail)
}
