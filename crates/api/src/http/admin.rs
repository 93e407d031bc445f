//! What is for operators only, on a port of its own: metrics, and health for probes that cannot reach the other port.

use actix_web::{
    App, Error, HttpResponse,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web::{self, Data},
};
use runtime::{health::Health, metrics::Metrics};
use utoipa_actix_web::AppExt as _;

use super::health;

/// The text format's media type, with its version.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The application of the operators' port.
pub fn application(
    health: Data<Health>,
    metrics: Data<Metrics>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let (app, _) = App::new()
        .into_utoipa_app()
        .configure(health::configure)
        .split_for_parts();
    app.app_data(health)
        .app_data(metrics)
        .route("/metrics", web::get().to(show))
}

async fn show(metrics: Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(PROMETHEUS_TEXT)
        .body(metrics.render())
}
