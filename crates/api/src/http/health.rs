//! `/health`: for those who run the service.

use actix_web::{HttpResponse, http::header, route, web};
use runtime::health::{Health, Overall};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// The addresses of health.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(live).service(ready);
}

/// Whether a path is one of them.
pub(super) fn is_asked_for(path: &str) -> bool {
    path.starts_with("/health/")
}

/// Whether the process runs.
#[derive(Serialize, ToSchema)]
struct Live {
    #[schema(pattern = "^live$", example = "live")]
    status: &'static str,
}

/// Whether the process can do its work.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes `runtime::health::Report` for the documentation"
)]
struct Ready {
    /// `ready`, `degraded` (it works, with less than all parts) or `unavailable`.
    #[schema(pattern = "^(ready|degraded|unavailable)$", example = "ready")]
    status: String,
    parts: Vec<Part>,
}

/// One of the parts that the process works with.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes `runtime::health::PartReport` for the documentation"
)]
struct Part {
    #[schema(example = "postgresql")]
    name: String,
    /// Whether the process can do nothing without it.
    required: bool,
    /// `up`, `degraded` or `down`.
    #[schema(pattern = "^(up|degraded|down)$", example = "up")]
    status: String,
    /// What is wrong, where something is.
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// Does the process run?
///
/// Touches no other part: a restart would help none of them.
#[utoipa::path(
    method(get, head),
    path = "/health/live",
    tag = "Health",
    operation_id = "readLiveness",
    responses((status = 200, body = Live, description = "It runs")),
)]
#[route("/health/live", method = "GET", method = "HEAD")]
async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Live { status: "live" })
}

/// Can the process do its work?
#[utoipa::path(
    method(get, head),
    path = "/health/ready",
    tag = "Health",
    operation_id = "readReadiness",
    responses(
        (status = 200, body = Ready, description = "It can, if `degraded` with less than all parts"),
        (status = 503, body = Ready, description = "A required part is away"),
    ),
)]
#[route("/health/ready", method = "GET", method = "HEAD")]
async fn ready(health: web::Data<Health>) -> HttpResponse {
    let report = health.report();
    let mut response = match report.status {
        Overall::Ready | Overall::Degraded => HttpResponse::Ok(),
        Overall::Unavailable => HttpResponse::ServiceUnavailable(),
    };
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(report)
}
