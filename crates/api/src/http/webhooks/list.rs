//! `GET /webhook-endpoints`.

use actix_web::{HttpRequest, HttpResponse, route};

use super::{CACHE_CONTROL, Catalogue};
use crate::{
    http::{context::RequestContext, problem::Problem, query},
    webhooks::{
        body::{EndpointBody, EndpointListBody},
        endpoints::list_endpoints,
    },
};

/// List endpoints.
///
/// There are 20 at most, so this is one page. Secrets are not shown.
#[utoipa::path(
    method(get, head),
    path = "/webhook-endpoints",
    tag = "Webhooks",
    operation_id = "listWebhookEndpoints",
    responses(
        (status = 200, body = EndpointListBody, description = "All of them, the oldest first"),
    ),
)]
#[route("/webhook-endpoints", method = "GET", method = "HEAD")]
pub(super) async fn list(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let endpoints = list_endpoints(&catalogue.database, context.account).await?;
    let data = endpoints.iter().map(EndpointBody::new).collect();
    Ok(HttpResponse::Ok()
        .insert_header(CACHE_CONTROL)
        .json(EndpointListBody { data }))
}
