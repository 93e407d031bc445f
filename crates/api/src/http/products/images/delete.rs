//! `DELETE /products/{id}/images/{image_id}`.

use actix_web::{HttpRequest, HttpResponse, delete};

use super::ImagePath;
use crate::{
    http::{
        conditional::expected, context::RequestContext, problem::Problem, products::Catalogue, query,
        to_the_end,
    },
    products::images::delete::delete_image,
};

/// Delete a picture.
///
/// The ones behind it close up. Its stored objects, an uploaded file too, follow soon after.
#[utoipa::path(
    operation_id = "deleteProductImage",
    tag = "Pictures",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("image_id" = uuid::Uuid, Path, description = "The picture"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version of the product that you change"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
#[delete("/products/{id}/images/{image_id}")]
pub(super) async fn delete(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ImagePath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    to_the_end(async move {
        let ImagePath(product, image) = path;
        let (account, cause) = (context.account, context.cause());
        delete_image(&catalogue, account, product, image, Some(&expected), &cause).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
