//! What every list that comes in pages has.

use actix_web::HttpRequest;
use domain::{ProblemCode, cursor::CursorError, fault::Rejection, filter::LIMIT_MAX};

use super::problem::{FaultBody, Problem};

/// The same query with the next cursor (RFC 8288).
pub(super) fn next_link(request: &HttpRequest, cursor: &str) -> String {
    let pairs =
        url::form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .append_pair("cursor", cursor)
        .finish();
    format!("<{}?{query}>; rel=\"next\"", request.path())
}

/// Reads how many a page is to have.
///
/// # Errors
/// `out_of_range`.
pub(super) fn limit(text: &str) -> Result<u16, Rejection> {
    text.parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| {
            Rejection::new(
                "out_of_range",
                format!("is not a whole number from 1 to {LIMIT_MAX}"),
            )
        })
}

/// Refuses a cursor.
pub(super) fn cursor_problem(error: CursorError) -> Problem {
    let (problem, code) = match error {
        CursorError::Invalid => (ProblemCode::InvalidCursor, "invalid_cursor"),
        CursorError::Mismatch => (ProblemCode::CursorMismatch, "cursor_mismatch"),
    };
    Problem::new(problem, format!("The cursor {error}.")).with_errors(vec![FaultBody::of_parameter(
        "cursor",
        code,
        error.to_string(),
    )])
}
