//! `PATCH /products/{id}/images/{image_id}`.

use actix_web::{HttpRequest, HttpResponse, http::header, patch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CACHE_CONTROL, ImagePath};
use crate::{
    http::{
        conditional::{etag, expected},
        context::RequestContext,
        json::JsonBody,
        problem::Problem,
        products::Catalogue,
        query, to_the_end,
    },
    products::{ImageBody, images::update::update_image},
};

/// What changes: a field that is left out stays as it is, and null removes it.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::images::draft` reads it and lists all faults"
)]
#[schema(as = ImagePatch)]
#[serde(deny_unknown_fields)]
pub(super) struct ImagePatchBody {
    /// What the picture shows, for those who do not see it.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "The mug from above"
    )]
    alt: Option<String>,
    /// Its place among the others, which close up and make room. The last where it is beyond the last.
    #[schema(minimum = 0, maximum = 19, required = false, example = 0)]
    position: i32,
}

/// Change a picture.
///
/// A JSON Merge Patch (RFC 7396) of its text and its place. The version of the product grows by one, unless nothing
/// changes.
#[utoipa::path(
    operation_id = "updateProductImage",
    tag = "Pictures",
    request_body(content(
        (ImagePatchBody = "application/merge-patch+json"),
        (ImagePatchBody = "application/json"),
    )),
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("image_id" = uuid::Uuid, Path, description = "The picture"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version of the product that you change"),
    ),
    responses(
        (status = 200, body = ImageBody, description = "As it is now", headers(("ETag" = String, description = "The version of the product, in quotes"))),
    ),
)]
#[patch("/products/{id}/images/{image_id}")]
pub(super) async fn update(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ImagePath,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let expected = expected(&request)?;
    let image = to_the_end(async move {
        let ImagePath(product, image) = path;
        let account = context.account;
        update_image(&catalogue, account, product, image, Some(&expected), &body.value).await
    })
    .await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag(image.version)))
        .insert_header(CACHE_CONTROL);
    Ok(response.content_type("application/json").body(image.body))
}
