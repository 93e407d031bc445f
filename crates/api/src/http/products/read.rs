//! `GET /products/{id}` and `HEAD`.

use actix_web::{HttpRequest, HttpResponse, http::header, route};

use super::{CACHE_CONTROL, Catalogue, ProductPath};
use crate::{
    http::{
        conditional::{etag, expected},
        context::RequestContext,
        problem::Problem,
        query,
    },
    products::{ProductBody, ProductError, read::read_product},
};

/// Read a product.
#[utoipa::path(
    method(get, head),
    path = "/products/{id}",
    tag = "Products",
    operation_id = "readProduct",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you want, and no other"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that you have"),
    ),
    responses(
        (status = 200, body = ProductBody, description = "The product", headers(("ETag" = String, description = "The version, in quotes"))),
        (status = 304, description = "You have the current version"),
    ),
)]
#[route("/products/{id}", method = "GET", method = "HEAD")]
pub(super) async fn read(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ProductPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let product = read_product(&catalogue, context.account, path.0).await?;
    if !expected.one_of.contains(product.version) {
        let current = product.version;
        return Err(ProductError::VersionMismatch { current }.into());
    }
    let tag = (header::ETAG, etag(product.version));
    if expected.none_of.contains(product.version) {
        return Ok(HttpResponse::NotModified()
            .insert_header(tag)
            .insert_header(CACHE_CONTROL)
            .finish());
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header(tag)
        .insert_header(CACHE_CONTROL)
        .content_type("application/json");
    Ok(response.body(product.body))
}
