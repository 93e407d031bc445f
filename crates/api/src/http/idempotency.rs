//! `Idempotency-Key`: a request that may be repeated, and the answer that its repetition gets.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderName},
};
use domain::ProblemCode;
use sha2::{Digest as _, Sha256};
use storage_postgres::IdempotencyClaim;

use super::{context::RequestContext, json::JsonBody, problem::Problem};
use crate::answered::Answered;

/// The longest idempotency key, in characters.
const KEY_MAX: usize = 255;

/// Reads `Idempotency-Key`, quoted or bare, of a request whose `body` a repetition has to equal.
///
/// # Errors
/// `InvalidHeader`.
pub(super) fn claim(
    request: &HttpRequest,
    context: &RequestContext,
    body: &JsonBody,
) -> Result<Option<IdempotencyClaim>, Problem> {
    claim_of(request, context, || Sha256::digest(&body.bytes).into())
}

/// As [`claim`], for a request that has no body to equal.
///
/// # Errors
/// `InvalidHeader`.
pub(super) fn claim_without_body(
    request: &HttpRequest,
    context: &RequestContext,
) -> Result<Option<IdempotencyClaim>, Problem> {
    claim_of(request, context, || Sha256::digest([]).into())
}

/// As [`claim`], for a body that is not one JSON text; a repetition has to have the same `fingerprint`.
///
/// # Errors
/// `InvalidHeader`.
pub(super) fn claim_of(
    request: &HttpRequest,
    context: &RequestContext,
    fingerprint: impl FnOnce() -> [u8; 32],
) -> Result<Option<IdempotencyClaim>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().map(|text| {
        text.strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text)
    });
    let visible =
        |key: &&str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.filter(visible).ok_or_else(|| {
        let detail = format!("`Idempotency-Key` must have 1 to {KEY_MAX} visible ASCII characters.");
        Problem::new(ProblemCode::InvalidHeader, detail)
    })?;
    Ok(Some(IdempotencyClaim {
        account: context.account,
        key: key.to_owned(),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        fingerprint: fingerprint(),
    }))
}

/// Answers with what is stored, which says as well where an earlier request got it first.
pub(super) fn respond(answered: Answered, cache_control: (HeaderName, &'static str)) -> HttpResponse {
    let (answer, replayed) = match answered {
        Answered::Fresh(answer) => (answer, false),
        Answered::Replayed(answer) => (answer, true),
    };
    let mut response =
        HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED));
    for (name, value) in &answer.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response
        .insert_header(cache_control)
        .content_type("application/json")
        .body(answer.body)
}
