//! `POST /webhook-endpoints/{id}/rotate-secret`.

use actix_web::{HttpRequest, HttpResponse, http::header, post};

use super::{Catalogue, EndpointPath, NO_STORE};
use crate::{
    http::{
        conditional::{etag, expected},
        context::RequestContext,
        problem::Problem,
        query, to_the_end,
    },
    webhooks::{body::EndpointWithSecretBody, endpoints::rotate_secret},
};

/// Make a new secret.
///
/// It is shown this once. For 24 hours the one before signs as well: `webhook-signature` has both, with a blank between
/// them, as the standard says, and a receiver takes a delivery that fits either. A second rotation within that time ends
/// the oldest at once.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "rotateWebhookSecret",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version whose secret you replace, so that a repetition makes no third one"),
    ),
    responses(
        (status = 200, body = EndpointWithSecretBody, description = "With the new secret", headers(("ETag" = String, description = "The version, in quotes"))),
    ),
)]
#[post("/webhook-endpoints/{id}/rotate-secret")]
pub(super) async fn rotate(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let (endpoint, secret) = to_the_end(async move {
        rotate_secret(&catalogue.database, context.account, path.0, Some(&expected)).await
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, etag(endpoint.version)))
        .insert_header(NO_STORE)
        .json(EndpointWithSecretBody::new(&endpoint, &secret)))
}
