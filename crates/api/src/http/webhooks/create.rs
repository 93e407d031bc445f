//! `POST /webhook-endpoints`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, post};
use domain::WebhookEndpoint;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Catalogue, NO_STORE, with_secret};
use crate::{
    http::{context::RequestContext, idempotency, json::JsonBody, problem::Problem, query, to_the_end},
    vocabulary,
    webhooks::{body::EndpointWithSecretBody, endpoints::create_endpoint},
};

/// An endpoint to be. Every field that is not named here is a fault.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `webhooks::draft` reads it and lists all faults"
)]
#[schema(as = NewWebhookEndpoint)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEndpointBody {
    /// An `http` or `https` address that everybody can reach.
    #[schema(max_length = 2_048, format = Uri, pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]", example = "https://example.com/hooks/catalogue")]
    url: String,
    /// What is told there.
    #[schema(value_type = Vec<vocabulary::WebhookTopic>, min_items = 1, example = json!(["product.updated", "product.deleted"]))]
    events: Vec<String>,
    /// What you call it.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Stock of the Hamburg shop"
    )]
    description: Option<String>,
    /// `true` where it is left out.
    #[schema(example = true)]
    enabled: Option<bool>,
}

/// Create an endpoint.
///
/// From now on, what you ask for is sent there as `POST`, signed after
/// [Standard Webhooks](https://www.standardwebhooks.com) with the secret in this answer, which is shown this once, and again
/// to a repetition with the same `Idempotency-Key`.
///
/// The body is `{"type":"product.updated","timestamp":"…","data":{"id":"…","version":7}}`: `data` names the product (for
/// `image.…`, the picture, and its product as `product_id`) and the version that the product was of then. Read the
/// product for the rest. Deliveries come at least once and in any order: drop what has a `webhook-id` that you know, and
/// what has a lower `version` than you have seen.
///
/// Answer 2xx within 15 seconds. After anything else, redirects included, it is tried again after 5 s, 5 min, 30 min, 2 h,
/// 5 h, 10 h and 10 h. The answer 410 disables the endpoint, and so do five days in which nothing could be delivered.
#[utoipa::path(
    tag = "Webhooks",
    operation_id = "createWebhookEndpoint",
    request_body(content = NewEndpointBody, content_type = "application/json"),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours")),
    responses(
        (status = 201, body = EndpointWithSecretBody, description = "Created", headers(
            ("Location" = String, description = "The path of the endpoint"),
            ("ETag" = String, description = "The version, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key created it"),
        )),
    ),
)]
#[post("/webhook-endpoints")]
pub(super) async fn create(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let claim = idempotency::claim(&request, &context, &body)?;
    let answer = |endpoint: &WebhookEndpoint, secret: &SecretString| {
        let mut answer = with_secret(StatusCode::CREATED, endpoint, secret);
        let location = format!("/api/v1/webhook-endpoints/{}", endpoint.id);
        answer.headers.push((header::LOCATION.to_string(), location));
        answer
    };
    let created = to_the_end(async move {
        let database = &catalogue.database;
        create_endpoint(database, context.account, &body.value, claim.as_ref(), answer).await
    })
    .await?;
    Ok(idempotency::respond(created, NO_STORE))
}
