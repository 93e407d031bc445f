//! `PATCH /webhook-endpoints/{id}`.

use actix_web::{HttpRequest, HttpResponse, patch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Catalogue, EndpointPath, show};
use crate::{
    http::{
        conditional::expected, context::RequestContext, json::JsonBody, problem::Problem, query, to_the_end,
    },
    vocabulary,
    webhooks::{body::EndpointBody, endpoints::update_endpoint},
};

/// What changes: a field that is left out stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `webhooks::draft` reads it and lists all faults"
)]
#[schema(as = WebhookEndpointPatch)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointPatchBody {
    /// It cannot be removed.
    #[schema(nullable = false, max_length = 2_048, format = Uri, pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]")]
    url: Option<String>,
    /// It cannot be removed.
    #[schema(nullable = false, value_type = Option<Vec<vocabulary::WebhookTopic>>, min_items = 1, example = json!(["*"]))]
    events: Option<Vec<String>>,
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
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
    operation_id = "updateWebhookEndpoint",
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
