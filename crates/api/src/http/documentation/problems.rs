//! Which problems an operation may answer, and how each looks.

use std::collections::BTreeMap;

use domain::ProblemCode;
use serde_json::{Value, json};
use utoipa::openapi::{
    Content, Ref, RefOr, Response, ResponseBuilder,
    example::{Example, ExampleBuilder},
    path::Operation,
};

use super::call::Call;
use crate::http::problem::MEDIA_TYPE;

/// True where an operation may answer a problem.
fn is_answered(code: ProblemCode, call: &Call) -> bool {
    match code {
        ProblemCode::Unauthenticated
        | ProblemCode::InsufficientScope
        | ProblemCode::InvalidQuery
        | ProblemCode::RateLimited
        | ProblemCode::UriTooLong
        | ProblemCode::HeadTooLarge
        | ProblemCode::RequestTimeout
        | ProblemCode::Internal
        | ProblemCode::Unavailable => true,
        // It says that there is no such operation.
        ProblemCode::MethodNotAllowed => false,
        ProblemCode::NotFound => call.has_path_parameter(),
        ProblemCode::InvalidCursor | ProblemCode::CursorMismatch => call.has_query("cursor"),
        ProblemCode::InvalidHeader => ["Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID"]
            .iter()
            .any(|name| call.has_header(name)),
        ProblemCode::PreconditionFailed => call.has_header("If-Match"),
        ProblemCode::IdempotencyKeyInUse | ProblemCode::IdempotencyKeyReused => {
            call.has_header("Idempotency-Key")
        }
        ProblemCode::MalformedJson => call.has_json_body(),
        ProblemCode::MalformedRequest
        | ProblemCode::BodyTooLarge
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::ValidationFailed => call.has_body(),
        ProblemCode::TooManyToCount => call.has_query("include_total"),
        ProblemCode::TooManyImages => call.method == "POST" && call.path.ends_with("/images"),
        ProblemCode::ImageNotFailed => call.path.ends_with("/retry"),
        ProblemCode::DuplicateSku => call.takes(&["NewProduct", "ProductPatch"]),
        ProblemCode::TooManyWebhookEndpoints => call.takes(&["NewWebhookEndpoint"]),
        ProblemCode::WebhookEndpointDisabled => {
            call.path.ends_with("/ping") || call.path.ends_with("/redeliver")
        }
    }
}

/// What a problem says in its example: the words of this one time, and the faults of the input.
fn example(code: ProblemCode) -> (&'static str, Value) {
    let none = Value::Null;
    match code {
        ProblemCode::MalformedJson => (
            "The body is not JSON: expected `,` or `}` at line 3 column 5.",
            none,
        ),
        ProblemCode::MalformedRequest => ("The body ended before it was complete.", none),
        ProblemCode::InvalidQuery => (
            "One parameter of the query is not valid; see `errors`.",
            json!([{"parameter": "limit", "code": "out_of_range", "detail": "is not a whole number from 1 to 100"}]),
        ),
        ProblemCode::InvalidCursor => (
            "The cursor cannot be read.",
            json!([{"parameter": "cursor", "code": "invalid_cursor", "detail": "cannot be read"}]),
        ),
        ProblemCode::CursorMismatch => (
            "The cursor belongs to other filters or another order.",
            json!([{"parameter": "cursor", "code": "cursor_mismatch", "detail": "belongs to other filters or another order"}]),
        ),
        ProblemCode::InvalidHeader => (
            "`if-match` is not a list of entity tags; give one such as \"7\", with its quotes.",
            none,
        ),
        ProblemCode::TooManyToCount => (
            "More products match than can be counted in time; leave out `include_total`, or narrow the filters.",
            none,
        ),
        ProblemCode::TooManyImages => ("The product has 20 pictures, and no place for another.", none),
        ProblemCode::ImageNotFailed => (
            "The picture is ready; only one that has failed can be tried again.",
            none,
        ),
        ProblemCode::UriTooLong => ("Path and query have 9000 bytes; at most 8192 are read.", none),
        ProblemCode::HeadTooLarge => ("The head has 40000 bytes; at most 32768 are read.", none),
        ProblemCode::Unauthenticated => ("Send a key: `Authorization: Bearer pms_…`.", none),
        ProblemCode::InsufficientScope => ("This needs a key of the scope `write`; yours is `read`.", none),
        ProblemCode::NotFound => ("There is no such product in this account.", none),
        ProblemCode::MethodNotAllowed => ("This address takes GET, HEAD, PATCH, DELETE.", none),
        ProblemCode::DuplicateSku => (
            "Another product of this account has the same sku.",
            json!([{"pointer": "#/sku", "code": "duplicate_sku", "detail": "is taken; choose another, or change the product that has it"}]),
        ),
        ProblemCode::IdempotencyKeyInUse => ("The first request with this key has not ended yet.", none),
        ProblemCode::IdempotencyKeyReused => {
            ("This key came with another body before; make a new one.", none)
        }
        ProblemCode::TooManyWebhookEndpoints => (
            "This account has 20 endpoints already; delete one, or change it.",
            none,
        ),
        ProblemCode::WebhookEndpointDisabled => {
            ("The endpoint is disabled; set `enabled` to true first.", none)
        }
        ProblemCode::PreconditionFailed => ("The product is at version 8; `If-Match` named another.", none),
        ProblemCode::BodyTooLarge => ("The body is longer than 1048576 bytes.", none),
        ProblemCode::RequestTimeout => ("The body did not arrive within 15 seconds.", none),
        ProblemCode::UnsupportedMediaType => (
            "`text/plain` is not read here; send application/json in UTF-8.",
            none,
        ),
        ProblemCode::ValidationFailed => (
            "2 values of the body break rules; see `errors`.",
            json!([
                {"pointer": "#/price/amount", "code": "not_positive", "detail": "is below zero; give 0 or more"},
                {"pointer": "#/nmae", "code": "unknown_field", "detail": "is not known here; the fields are name, sku, description, price, status, metadata, images"},
            ]),
        ),
        ProblemCode::RateLimited => (
            "These were too many requests: at most 100 at once, and then 50 a second.",
            none,
        ),
        ProblemCode::Internal => ("The request could not be carried out.", none),
        ProblemCode::Unavailable => ("The catalogue cannot be reached at the moment.", none),
    }
}

/// How a problem looks, as a body.
pub(in crate::http) fn example_body(code: ProblemCode) -> Value {
    let (detail, errors) = example(code);
    let mut body = json!({
        "type": format!("/problems/{}", code.slug()),
        "title": code.title(),
        "status": code.status(),
        "detail": detail,
        "instance": "/api/v1/products/01a203f3-dd46-7169-92fb-90f23cd9b841",
        "code": code.as_str(),
        "request_id": "01a203f4-0c1e-7d0a-8f6b-6b1f0a3f9c52",
    });
    if !errors.is_null() {
        body["errors"] = errors;
    }
    body
}

/// An example of each problem, for the components.
pub(super) fn examples() -> impl Iterator<Item = (String, RefOr<Example>)> {
    ProblemCode::ALL.iter().map(|code| {
        let example = ExampleBuilder::new()
            .summary(code.title())
            .value(Some(example_body(*code)));
        (code.as_str().to_owned(), RefOr::T(example.build()))
    })
}

/// Adds the problems that an operation may answer.
pub(super) fn describe(call: &Call, operation: &mut Operation) {
    let mut by_status: BTreeMap<String, Vec<ProblemCode>> = BTreeMap::new();
    for code in ProblemCode::ALL.iter().filter(|code| is_answered(**code, call)) {
        by_status
            .entry(code.status().to_string())
            .or_default()
            .push(*code);
    }
    for (status, codes) in by_status {
        let answer = RefOr::T(answer(&codes));
        operation.responses.responses.insert(status, answer);
    }
}

fn answer(codes: &[ProblemCode]) -> Response {
    let mut body = Content::new(Some(Ref::from_schema_name("Problem")));
    for code in codes {
        let reference = Ref::new(format!("#/components/examples/{code}"));
        body.examples.insert(code.to_string(), RefOr::Ref(reference));
    }
    let lines: Vec<String> = codes
        .iter()
        .map(|code| format!("[`{code}`](/problems/{}): {}", code.slug(), code.title()))
        .collect();
    ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content(MEDIA_TYPE, body)
        .build()
}
