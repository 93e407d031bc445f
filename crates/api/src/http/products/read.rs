//! `GET /products/{id}` and `HEAD`.

use actix_web::{HttpRequest, HttpResponse, route};

use super::{Catalogue, ProductPath};
use crate::{
    http::{
        conditional::{expected, show},
        context::RequestContext,
        problem::Problem,
        query,
    },
    products::{ProductBody, read::read_product},
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
    show(&expected, "product", product.version, product.body)
}
