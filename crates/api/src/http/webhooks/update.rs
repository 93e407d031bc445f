//! `PATCH /webhook-endpoints/{id}`.

use actix_web::{HttpRequest, HttpResponse, patch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Catalogue, EndpointPath, show};
use crate::{
    http::{
        conditional::expected,
        context::RequestContext,
        json::JsonBody,
        problem::{Problem, ProblemBody},
        query, to_the_end,
    },
    webhooks::{body::EndpointBody, endpoints::update_endpoint},
};

/// What changes: a field that is left out stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `webhooks::draft` reads it and lists all faults"
)]
#[schema(as = WebhookEndpointPatch)]
pub(super) struct EndpointPatchBody {
    #[schema(max_length = 2_048, format = Uri)]
    url: Option<String>,
    #[schema(min_items = 1, example = json!(["*"]))]
    events: Option<Vec<String>>,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// While it is false, nothing is delivered and nothing new is kept for it. What waited already is delivered once it is
    /// true again.
    #[schema(example = false)]
    enabled: Option<bool>,
}

/// Change an endpoint.
///
/// A JSON Merge Patch (RFC 7396). The version grows by one, unless nothing changes.
#[utoipa::path(
    tag = "Webhooks",
    request_body(content(
        (EndpointPatchBody = "application/merge-patch+json"),
        (EndpointPatchBody = "application/json"),
    )),
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you change"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of versions that you do not change"),
    ),
    responses(
        (status = 200, body = EndpointBody, description = "As it is now", headers(("ETag" = String, description = "The version, in quotes"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON, header or query"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "Not there"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "It is at another version"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "The body is too long"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "The body is of another media type"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "Values break rules, all of which are listed"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "A needed part is away"),
    ),
)]
#[patch("/webhook-endpoints/{id}")]
pub(super) async fn update(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: EndpointPath,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let endpoint = to_the_end(async move {
        let database = &catalogue.database;
        update_endpoint(database, context.account, path.0, Some(&expected), &body.value).await
    })
    .await?;
    Ok(show(&endpoint))
}
