//! `/api/v1/webhook-endpoints`.

mod create;
mod delete;
mod deliveries;
mod list;
mod log_query;
mod ping;
mod read;
mod redeliver;
mod rotate;
mod update;

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::{StatusCode, header},
    web,
};
use domain::{WebhookDeliveryId, WebhookEndpoint, WebhookEndpointId};
use secrecy::SecretString;
use serde::Serialize;
use storage_postgres::{StoredAnswer, WebhookDelivery};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    conditional::{CACHE_CONTROL, etag},
    problem::Problem,
};
use crate::webhooks::body::{DeliveryBody, EndpointBody, EndpointWithSecretBody};

/// The addresses of endpoints and their deliveries.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create)
        .service(list::list)
        .service(read::read)
        .service(update::update)
        .service(delete::delete)
        .service(rotate::rotate)
        .service(ping::ping)
        .service(deliveries::list)
        .service(redeliver::redeliver);
}

/// A secret is kept by nobody but the caller.
const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// The parts that the use cases work with, as handlers receive them.
type Catalogue = web::Data<crate::products::Catalogue>;

/// The endpoint that a path names. What is no identifier names nothing.
struct EndpointPath(WebhookEndpointId);

/// The delivery that a path names, and its endpoint.
struct DeliveryPath(WebhookEndpointId, WebhookDeliveryId);

impl FromRequest for EndpointPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(Problem::not_found))
    }
}

impl FromRequest for DeliveryPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = |name| request.match_info().get(name);
        let endpoint = part("id").and_then(|text| text.parse().ok());
        let delivery = part("delivery_id").and_then(|text| text.parse().ok());
        let both = endpoint.zip(delivery);
        ready(
            both.map(|(endpoint, delivery)| Self(endpoint, delivery))
                .ok_or_else(Problem::not_found),
        )
    }
}

fn show(endpoint: &WebhookEndpoint) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag(endpoint.version)))
        .insert_header(CACHE_CONTROL)
        .json(EndpointBody::new(endpoint))
}

/// The answer to whoever has something delivered.
fn accepted(delivery: &WebhookDelivery) -> StoredAnswer {
    StoredAnswer {
        status: StatusCode::ACCEPTED.as_u16(),
        headers: Vec::new(),
        body: json(&DeliveryBody::new(delivery)),
    }
}

/// The answer to whoever has made a secret.
fn with_secret(status: StatusCode, endpoint: &WebhookEndpoint, secret: &SecretString) -> StoredAnswer {
    StoredAnswer {
        status: status.as_u16(),
        headers: vec![(header::ETAG.to_string(), etag(endpoint.version))],
        body: json(&EndpointWithSecretBody::new(endpoint, secret)),
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    // These types always have a JSON form.
    serde_json::to_vec(body).unwrap_or_default()
}
