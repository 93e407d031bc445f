//! `GET /products/{id}/events` and `GET /events`: changes as they happen, as server-sent events.

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use chrono::DateTime;
use domain::{ProblemCode, ProductId};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    access::Pass,
    http::{context::RequestContext, problem::Problem, query},
    live::{EventStream, Live},
};

/// Where a caller who has lost a stream left off.
const LAST_EVENT_ID: &str = "last-event-id";

/// The addresses of event streams.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(product_events).service(account_events);
}

/// Watch a product.
///
/// Server-sent events: `product.updated`, `product.deleted`, `image.processing`, `image.ready` and `image.failed`. Each
/// names the product (or the picture, with its product and `status`) and the version that the product is of; read the
/// product for the rest. The `id` of an event is that version.
///
/// The stream begins with a `product.updated` that names the current version, unless `Last-Event-ID` names it already.
/// Events come at least once and may overtake each other. A `product.updated` may also stand for whatever happened while
/// the stream was lost, pictures included. The stream ends after `product.deleted`, when the key is revoked or the token expires, when its
/// reader is too slow and when the process ends: come back with `Last-Event-ID`. The `EventSource` of browsers would
/// do that by itself, but sends no key: read the stream with `fetch`.
#[utoipa::path(
    operation_id = "watchProduct",
    tag = "Products",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that you have"),
    ),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "Events as they happen, and a comment after each silence"),
    ),
)]
#[get("/products/{id}/events")]
async fn product_events(
    request: HttpRequest,
    live: web::Data<Live>,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let id: ProductId = request
        .match_info()
        .get("id")
        .and_then(|text| text.parse().ok())
        .ok_or_else(Problem::not_found)?;
    let known = last_event_id(&request)?;
    let stream = live
        .watch_product(context.account, id, known, pass(&request))
        .await?;
    Ok(answer(stream))
}

/// Watch all products.
///
/// Server-sent events of every product of the account, with `product.created` besides those of a single product's stream.
/// The stream begins with what happens now. Whoever comes back with the `id` of the last event in `Last-Event-ID` is told
/// first what changed meanwhile, each product once: `product.created`, `product.updated` or, for seven days, `product.deleted`.
///
/// Events come at least once and may overtake each other; what changed shortly before a loss is told again. Go by the
/// version, and take an update of a product that you do not know for its creation. The `id` tells a time, and only where to
/// go on; some events have none.
#[utoipa::path(
    operation_id = "watchProducts",
    tag = "Products",
    params(("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that you have")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "Events as they happen, and a comment after each silence"),
    ),
)]
#[get("/events")]
async fn account_events(
    request: HttpRequest,
    live: web::Data<Live>,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let known = match last_event_id(&request)? {
        Some(micros) => Some(DateTime::from_timestamp_micros(micros).ok_or_else(wrong_id)?),
        None => None,
    };
    let stream = live.watch_account(context.account, known, pass(&request)).await?;
    Ok(answer(stream))
}

/// What the caller was let in by.
fn pass(request: &HttpRequest) -> Pass {
    let authorization = request.headers().get(header::AUTHORIZATION);
    Pass::new(authorization.map(header::HeaderValue::as_bytes))
}

/// The number that the last event had; none where this is the first time.
fn last_event_id(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.map(Some).ok_or_else(wrong_id)
}

fn wrong_id() -> Problem {
    let detail = "`Last-Event-ID` must be the `id` of an event of this stream, or be left out.";
    Problem::new(ProblemCode::InvalidHeader, detail)
}

fn answer(stream: EventStream) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies that collect answers before they pass them on are asked not to.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream.into_bytes())
}
