//! `GET /webhook-endpoints/{id}/deliveries`.

use actix_web::{HttpRequest, HttpResponse, http::header, route};

use super::{CACHE_CONTROL, Catalogue, EndpointPath, log_query};
use crate::{
    http::{context::RequestContext, page::next_link, problem::Problem},
    webhooks::{
        body::{DeliveryBody, DeliveryPageBody},
        cursor,
        deliveries::list_deliveries,
    },
};

/// List deliveries.
///
/// The log of an endpoint, the newest first, with each attempt. What has ended stays in it for 30 days.
#[utoipa::path(
    method(get, head),
    path = "/webhook-endpoints/{id}/deliveries",
    tag = "Webhooks",
    operation_id = "listWebhookDeliveries",
    params(("id" = uuid::Uuid, Path, description = "The endpoint"), log_query::LogParameters),
    responses(
        (status = 200, body = DeliveryPageBody, description = "One page", headers(("Link" = String, description = "The next page, as `rel=\"next\"`"))),
    ),
)]
#[route("/webhook-endpoints/{id}/deliveries", method = "GET", method = "HEAD")]
pub(super) async fn list(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
) -> Result<HttpResponse, Problem> {
    let endpoint = path.0;
    let (after, limit) = log_query::read(request.query_string(), endpoint)?;
    let page = list_deliveries(&catalogue.database, context.account, endpoint, after, limit).await?;
    let last = page.deliveries.last().filter(|_| page.has_more);
    let next_cursor = last.map(|delivery| cursor::encode(endpoint, delivery.id));
    let mut response = HttpResponse::Ok();
    response.insert_header(CACHE_CONTROL);
    if let Some(cursor) = &next_cursor {
        response.insert_header((header::LINK, next_link(&request, cursor)));
    }
    Ok(response.json(DeliveryPageBody {
        data: page.deliveries.iter().map(DeliveryBody::new).collect(),
        has_more: page.has_more,
        next_cursor: next_cursor.as_deref(),
    }))
}
