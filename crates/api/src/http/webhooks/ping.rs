//! `POST /webhook-endpoints/{id}/ping`.

use actix_web::{HttpRequest, HttpResponse, post};

use super::{Catalogue, EndpointPath, accept};
use crate::{
    http::{context::RequestContext, problem::Problem, query, to_the_end},
    webhooks::{body::DeliveryBody, deliveries},
};

/// Try out an endpoint.
///
/// An event `ping` is delivered to it, and to no other, whatever it asked for. What becomes of it is in its log.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "pingWebhookEndpoint",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 202, body = DeliveryBody, description = "It is on its way"),
    ),
)]
#[post("/webhook-endpoints/{id}/ping")]
pub(super) async fn ping(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let delivery =
        to_the_end(async move { deliveries::ping(&catalogue.database, context.account, path.0).await })
            .await?;
    Ok(accept(&delivery))
}
