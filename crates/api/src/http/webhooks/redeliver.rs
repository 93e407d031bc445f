//! `POST /webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver`.

use actix_web::{HttpRequest, HttpResponse, post};

use super::{CACHE_CONTROL, Catalogue, DeliveryPath, accepted};
use crate::{
    http::{context::RequestContext, idempotency, problem::Problem, query, to_the_end},
    webhooks::{body::DeliveryBody, deliveries},
};

/// Deliver once more.
///
/// Whatever became of the delivery, it is due now, with the same `webhook-id`, and is retried as a new one is.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "redeliverWebhook",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("delivery_id" = uuid::Uuid, Path, description = "The delivery"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours"),
    ),
    responses(
        (status = 202, body = DeliveryBody, description = "It is on its way", headers(
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key asked for it"),
        )),
    ),
)]
#[post("/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver")]
pub(super) async fn redeliver(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: DeliveryPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let claim = idempotency::claim_without_body(&request, &context)?;
    let asked = to_the_end(async move {
        let DeliveryPath(endpoint, delivery) = path;
        let (database, account) = (&catalogue.database, context.account);
        deliveries::redeliver(database, account, endpoint, delivery, claim.as_ref(), accepted).await
    })
    .await?;
    Ok(idempotency::respond(asked, CACHE_CONTROL))
}
