//! `POST /products/{id}/images/{image_id}/retry`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post};

use super::{CACHE_CONTROL, ImagePath, posted};
use crate::{
    http::{context::RequestContext, idempotency, problem::Problem, products::Catalogue, query, to_the_end},
    products::{ImageBody, catalogue::Rendered, images::retry::retry_image},
};

/// Try a picture again.
///
/// One that has failed is `pending` again, as if it were new: its address is fetched once more, or its uploaded file read.
/// Where `error.retryable` is false, the same file will fail again.
#[utoipa::path(
    operation_id = "retryProductImage",
    tag = "Pictures",
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("image_id" = uuid::Uuid, Path, description = "The picture"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours"),
    ),
    responses(
        (status = 202, body = ImageBody, description = "It is under way", headers(
            ("Location" = String, description = "The path of the picture"),
            ("ETag" = String, description = "The version of the product, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key asked for it"),
        )),
    ),
)]
#[post("/products/{id}/images/{image_id}/retry")]
pub(super) async fn retry(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    path: ImagePath,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let claim = idempotency::claim_without_body(&request, &context)?;
    let asked = to_the_end(async move {
        let ImagePath(product, image) = path;
        let (account, cause) = (context.account, context.cause());
        let render = |shown: Rendered| posted(StatusCode::ACCEPTED, product, image, &shown);
        retry_image(
            &catalogue,
            account,
            product,
            image,
            &cause,
            claim.as_ref(),
            render,
        )
        .await
    })
    .await?;
    Ok(idempotency::respond(asked, CACHE_CONTROL))
}
