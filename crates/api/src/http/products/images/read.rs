//! `GET /products/{id}/images/{image_id}` and `HEAD`.

use actix_web::{HttpRequest, HttpResponse, route};

use super::{ImagePath, show};
use crate::{
    http::{context::RequestContext, problem::Problem, products::Catalogue, query},
    products::{ImageBody, images::read::read_image},
};

/// Read a picture.
///
/// It is what the product shows of it, of the same version.
#[utoipa::path(
    method(get, head),
    path = "/products/{id}/images/{image_id}",
    operation_id = "readProductImage",
    tag = "Pictures",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("image_id" = uuid::Uuid, Path, description = "The picture"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that you have"),
    ),
    responses(
        (status = 200, body = ImageBody, description = "The picture", headers(("ETag" = String, description = "The version of the product, in quotes"))),
        (status = 304, description = "You have the current version"),
    ),
)]
#[route("/products/{id}/images/{image_id}", method = "GET", method = "HEAD")]
pub(super) async fn read(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ImagePath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let ImagePath(product, image) = path;
    let image = read_image(&catalogue, context.account, product, image).await?;
    show(&request, image)
}
