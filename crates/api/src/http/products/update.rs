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
        problem::Problem,
        query, to_the_end,
    },
    products::{ProductBody, update::update_product},
    vocabulary,
};

/// What changes: a field that is left out stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::draft` reads it and lists all faults"
)]
#[schema(as = ProductPatch)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductPatchBody {
    /// It cannot be removed.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 64, pattern = "^[!-~]+$")]
    sku: Option<String>,
    #[schema(max_length = 20_000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// It cannot be removed.
    #[schema(nullable = false)]
    price: Option<PricePatch>,
    /// `active` where it is null.
    #[schema(value_type = Option<vocabulary::ProductStatus>)]
    status: Option<String>,
    #[schema(value_type = Option<vocabulary::MetadataPatch>)]
    metadata: Option<std::collections::BTreeMap<String, Option<String>>>,
}

/// What changes in a price.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
#[serde(deny_unknown_fields)]
pub(super) struct PricePatch {
    /// With no more decimals than the currency has.
    #[schema(
        nullable = false,
        example = "21.50",
        pattern = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"
    )]
    amount: Option<String>,
    /// The setting `catalogue.currency` where it is null.
    #[schema(value_type = Option<vocabulary::Currency>)]
    currency: Option<String>,
}

/// Change a product.
///
/// A JSON Merge Patch (RFC 7396). The version grows by one, unless nothing changes.
#[utoipa::path(
    tag = "Products",
    operation_id = "updateProduct",
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
