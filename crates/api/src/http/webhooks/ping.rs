//! `POST /webhook-endpoints/{id}/ping`.

use actix_web::{HttpRequest, HttpResponse, post};

use super::{Catalogue, EndpointPath, accept};
use crate::{
    http::{
        context::RequestContext,
        problem::{Problem, ProblemBody},
        query, to_the_end,
    },
    webhooks::{body::DeliveryBody, deliveries},
};

/// Try out an endpoint.
///
/// An event `ping` is delivered to it, and to no other, whatever it asked for. What becomes of it is in its log.
#[utoipa::path(
    tag = "Webhooks",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 202, body = DeliveryBody, description = "It is on its way"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed query"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "Not there"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The endpoint is disabled"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "A needed part is away"),
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
