//! `DELETE /webhook-endpoints/{id}`.

use actix_web::{HttpRequest, HttpResponse, delete};

use super::{Catalogue, EndpointPath};
use crate::{
    http::{conditional::expected, context::RequestContext, problem::Problem, query, to_the_end},
    webhooks::endpoints::delete_endpoint,
};

/// Delete an endpoint.
///
/// Its log goes with it, and so does what waits for it. An attempt that is under way may still arrive.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "deleteWebhookEndpoint",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you delete"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of versions that you do not delete"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
#[delete("/webhook-endpoints/{id}")]
pub(super) async fn delete(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    to_the_end(async move {
        delete_endpoint(&catalogue.database, context.account, path.0, Some(&expected)).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
