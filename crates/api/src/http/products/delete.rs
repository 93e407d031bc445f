//! `DELETE /products/{id}`.

use actix_web::{HttpRequest, HttpResponse, delete};

use super::{Catalogue, ProductPath};
use crate::{
    http::{conditional::expected, context::RequestContext, problem::Problem, query, to_the_end},
    products::delete::delete_product,
};

/// Delete a product.
///
/// It is gone when this is answered; the stored objects of its pictures follow soon after.
#[utoipa::path(
    tag = "Products",
    operation_id = "deleteProduct",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you delete"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of versions that you do not delete"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
#[delete("/products/{id}")]
pub(super) async fn delete(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ProductPath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    to_the_end(async move {
        delete_product(
            &catalogue,
            context.account,
            path.0,
            Some(&expected),
            &context.cause(),
        )
        .await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
