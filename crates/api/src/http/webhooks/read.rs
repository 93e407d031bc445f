//! `GET /webhook-endpoints/{id}` and `HEAD`.

use actix_web::{HttpRequest, HttpResponse, route};

use super::{Catalogue, EndpointPath};
use crate::{
    http::{
        conditional::{expected, show},
        context::RequestContext,
        problem::Problem,
        query,
    },
    webhooks::{body::EndpointBody, endpoints::read_endpoint},
};

/// Read an endpoint.
#[utoipa::path(
    method(get, head),
    path = "/webhook-endpoints/{id}",
    tag = "Webhooks",
    operation_id = "readWebhookEndpoint",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you want, and no other"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that you have"),
    ),
    responses(
        (status = 200, body = EndpointBody, description = "The endpoint, without its secret", headers(("ETag" = String, description = "The version, in quotes"))),
        (status = 304, description = "You have the current version"),
    ),
)]
#[route("/webhook-endpoints/{id}", method = "GET", method = "HEAD")]
pub(super) async fn read(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let endpoint = read_endpoint(&catalogue.database, context.account, path.0).await?;
    let body = serde_json::to_vec(&EndpointBody::new(&endpoint)).unwrap_or_default();
    show(&expected, "endpoint", endpoint.version, body)
}
