//! `POST /webhook-endpoints/{id}/rotate-secret`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post};
use domain::WebhookEndpoint;
use secrecy::SecretString;

use super::{Catalogue, EndpointPath, NO_STORE, with_secret};
use crate::{
    http::{
        conditional::expected, context::RequestContext, idempotency, problem::Problem, query, to_the_end,
    },
    webhooks::{body::EndpointWithSecretBody, endpoints::rotate_secret},
};

/// Make a new secret.
///
/// It is shown this once, and again to a repetition with the same `Idempotency-Key`, whatever version the endpoint is at by
/// then. For 24 hours the one before signs as well: `webhook-signature` has both, with a blank between
/// them, as the standard says, and a receiver takes a delivery that fits either. A second rotation within that time ends
/// the oldest at once.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "rotateWebhookSecret",
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version whose secret you replace"),
    ),
    responses(
        (status = 200, body = EndpointWithSecretBody, description = "With the new secret", headers(
            ("ETag" = String, description = "The version, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key made it"),
        )),
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
    let claim = idempotency::claim_without_body(&request, &context)?;
    let rotated = to_the_end(async move {
        let (database, account) = (&catalogue.database, context.account);
        let answer =
            |endpoint: &WebhookEndpoint, secret: &SecretString| with_secret(StatusCode::OK, endpoint, secret);
        rotate_secret(database, account, path.0, Some(&expected), claim.as_ref(), answer).await
    })
    .await?;
    Ok(idempotency::respond(rotated, NO_STORE))
}
