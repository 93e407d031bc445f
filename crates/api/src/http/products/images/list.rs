//! `GET /products/{id}/images` and `HEAD`.

use actix_web::{HttpRequest, HttpResponse, route};
use serde::Serialize;
use utoipa::ToSchema;

use super::show;
use crate::{
    http::{
        context::RequestContext,
        problem::Problem,
        products::{Catalogue, ProductPath},
        query,
    },
    products::{ImageBody, images::read::read_images},
};

/// The pictures of a product. It describes the body for the documentation; the body is a part of the product's own.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageList)]
pub(super) struct ImageListBody<'a> {
    /// In their order.
    #[schema(max_items = 20)]
    data: Vec<ImageBody<'a>>,
}

/// List the pictures of a product.
///
/// All of them, in their order: there are 20 at most. They are what the product shows, of the same version.
#[utoipa::path(
    method(get, head),
    path = "/products/{id}/images",
    operation_id = "listProductImages",
    tag = "Pictures",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that you have"),
    ),
    responses(
        (status = 200, body = ImageListBody, description = "The pictures", headers(("ETag" = String, description = "The version of the product, in quotes"))),
        (status = 304, description = "You have the current version"),
    ),
)]
#[route("/products/{id}/images", method = "GET", method = "HEAD")]
pub(super) async fn list(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ProductPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let images = read_images(&catalogue, context.account, path.0).await?;
    show(&request, images)
}
