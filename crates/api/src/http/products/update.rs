//! `PATCH /products/{id}`.

use actix_web::{HttpRequest, HttpResponse, http::header, patch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CACHE_CONTROL, Catalogue, ProductPath};
use crate::{
    http::{
        conditional::{etag, expected},
        context::RequestContext,
        json::JsonBody,
        problem::{Problem, ProblemBody},
        query, to_the_end,
    },
    products::{ProductBody, update::update_product},
};

/// What changes: a field that is left out stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::draft` reads it and lists all faults"
)]
#[schema(as = ProductPatch)]
pub(super) struct ProductPatchBody {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 64, pattern = "^[!-~]+$")]
    sku: Option<String>,
    #[schema(max_length = 20_000)]
    description: Option<String>,
    price: Option<PricePatch>,
    #[schema(pattern = "^(draft|active|archived)$")]
    status: Option<String>,
    /// Pairs are changed one by one; null removes a pair.
    metadata: Option<std::collections::BTreeMap<String, Option<String>>>,
}

/// What changes in a price.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct PricePatch {
    #[schema(example = "21.50", pattern = r"^\d{1,12}(\.\d+)?$")]
    amount: Option<String>,
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
}

/// Change a product.
///
/// A JSON Merge Patch (RFC 7396). The version grows by one, unless nothing changes.
#[utoipa::path(
    tag = "Products",
    request_body(content(
        (ProductPatchBody = "application/merge-patch+json"),
        (ProductPatchBody = "application/json"),
    )),
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you change"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of versions that you do not change"),
    ),
    responses(
        (status = 200, body = ProductBody, description = "As it is now", headers(("ETag" = String, description = "The version, in quotes"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON, header or query"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "Not there"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The sku is taken"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "It is at another version"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "The body is too long"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "The body is of another media type"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "Values break rules, all of which are listed"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "A needed part is away"),
    ),
)]
#[patch("/products/{id}")]
pub(super) async fn update(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ProductPath,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let product = to_the_end(async move {
        update_product(&catalogue, context.account, path.0, Some(&expected), &body.value).await
    })
    .await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag(product.version)))
        .insert_header(CACHE_CONTROL);
    Ok(response.content_type("application/json").body(product.body))
}
