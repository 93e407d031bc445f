//! `POST /webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver`.

use actix_web::{HttpRequest, HttpResponse, post};

use super::{Catalogue, DeliveryPath, accept};
use crate::{
    http::{context::RequestContext, problem::Problem, query, to_the_end},
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
    ),
    responses(
        (status = 202, body = DeliveryBody, description = "It is on its way"),
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
    let delivery = to_the_end(async move {
        let DeliveryPath(endpoint, delivery) = path;
        deliveries::redeliver(&catalogue.database, context.account, endpoint, delivery).await
    })
    .await?;
    Ok(accept(&delivery))
}
