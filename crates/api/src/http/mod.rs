//! HTTP: handlers extract, call a use case and render. The routes, the documentation and the 405s come from one list.

mod access;
pub mod admin;
pub mod client_address;
mod conditional;
pub mod connections;
mod context;
pub mod cors;
mod documentation;
pub mod edge;
mod fallback;
pub mod head;
pub mod health;
mod idempotency;
pub mod in_flight;
pub mod json;
mod limits;
mod live;
mod page;
mod pages;
pub mod problem;
mod products;
mod query;
mod record;
mod refusals;
mod strict_json;
mod webhooks;

use actix_web::{
    App, Error,
    dev::{ServiceFactory, ServiceRequest},
    middleware::from_fn,
    web,
};
use domain::ProblemCode;
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{AppExt as _, scope, service_config::ServiceConfig};

pub use self::products::BatchLimits;
use self::{
    client_address::TrustedProxies,
    cors::Cors,
    edge::RequestTimeout,
    head::HeadLimits,
    in_flight::InFlight,
    json::{BodyLimit, BodyTimeout},
    problem::Problem,
};
use crate::{
    access::{Access, Limits},
    live::Live,
    products::Catalogue,
    uploads::Uploads,
};
use runtime::health::Health;

/// What the handlers of one server share.
#[derive(Clone)]
pub struct Shared {
    /// The use cases' parts.
    pub catalogue: web::Data<Catalogue>,
    /// Where changes are watched.
    pub live: web::Data<Live>,
    /// How callers are told apart.
    pub access: web::Data<Access>,
    /// How often they may call; none where that is not limited.
    pub limits: web::Data<Option<Limits>>,
    /// How the parts are.
    pub health: web::Data<Health>,
    /// How long a request may take.
    pub timeout: RequestTimeout,
    /// How long a body may be.
    pub body_limit: BodyLimit,
    /// How long it may take.
    pub body_timeout: BodyTimeout,
    /// How long a head may be.
    pub head_limits: HeadLimits,
    /// Which pages may call from a browser; none where no page may.
    pub cors: web::Data<Option<Cors>>,
    /// Who is believed when they name a client.
    pub proxies: web::Data<TrustedProxies>,
    /// How long a batch may be, and how many are read at a time.
    pub batch_limits: BatchLimits,
    /// The requests under way.
    pub in_flight: web::Data<InFlight>,
    /// Files that callers send.
    pub uploads: web::Data<Uploads>,
}

/// The whole application, to be made once by each of the server's threads.
pub fn application(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<actix_web::body::BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let (app, mut document) = App::new()
        .into_utoipa_app()
        .openapi(documentation::description())
        .configure(configure)
        .split_for_parts();
    documentation::complete(&mut document);
    app.app_data(shared.catalogue)
        .app_data(shared.live)
        .app_data(shared.access)
        .app_data(shared.limits)
        .app_data(shared.health)
        .app_data(shared.in_flight)
        .app_data(shared.uploads)
        .app_data(web::Data::new(shared.timeout))
        .app_data(web::Data::new(shared.body_limit))
        .app_data(web::Data::new(shared.body_timeout))
        .app_data(web::Data::new(shared.head_limits))
        .app_data(shared.cors)
        .app_data(shared.proxies)
        .app_data(web::Data::new(shared.batch_limits))
        .app_data(web::PayloadConfig::new(shared.body_limit.0))
        .configure(|config| pages::configure(config, &document))
        .app_data(web::Data::new(fallback::Addresses::of(&document)))
        .default_service(web::to(fallback::refuse))
        .wrap(from_fn(edge::edge))
}

/// The description of the API, made from the same list as its routes.
pub fn document() -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(documentation::description())
        .configure(configure)
        .split_for_parts();
    documentation::complete(&mut document);
    document
}

/// Carries out work whose caller may go away meanwhile: what has begun to change a product is finished, cache included.
async fn to_the_end<T: 'static, E: Into<Problem> + 'static>(
    work: impl Future<Output = Result<T, E>> + 'static,
) -> Result<T, Problem> {
    match actix_web::rt::spawn(work.in_current_span()).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(fault) => {
            Err(Problem::new(ProblemCode::Internal, "The request could not be carried out.").because(fault))
        }
    }
}

fn configure(config: &mut ServiceConfig<'_>) {
    config.configure(health::configure).service(
        scope("/api/v1")
            .configure(products::configure)
            .configure(live::configure)
            .configure(webhooks::configure),
    );
}
