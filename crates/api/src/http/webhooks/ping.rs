//! `POST /webhook-endpoints/{id}/ping`.

use actix_web::{HttpRequest, HttpResponse, post};

use super::{CACHE_CONTROL, Catalogue, EndpointPath, accepted};
use crate::{
    http::{context::RequestContext, idempotency, problem::Problem, query, to_the_end},
    webhooks::{body::DeliveryBody, deliveries},
};

/// Try out an endpoint.
///
/// An event `ping` is delivered to it, and to no other, whatever it asked for. What becomes of it is in its log.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "pingWebhookEndpoint",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours"),
    ),
    responses(
        (status = 202, body = DeliveryBody, description = "It is on its way", headers(
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key asked for it"),
        )),
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
    let claim = idempotency::claim_without_body(&request, &context)?;
    let asked = to_the_end(async move {
        let database = &catalogue.database;
        deliveries::ping(database, context.account, path.0, claim.as_ref(), accepted).await
    })
    .await?;
    Ok(idempotency::respond(asked, CACHE_CONTROL))
}
