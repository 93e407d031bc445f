//! `POST /products/{id}/images` with a file.

use actix_web::{HttpRequest, HttpResponse, dev::Payload, http::StatusCode, web};
use domain::{ImageId, ProductId};
use storage_postgres::IdempotencyClaim;

use super::{CACHE_CONTROL, form, posted};
use crate::{
    http::{context::RequestContext, idempotency, problem::Problem, products::Catalogue, to_the_end},
    places::Taken,
    products::{
        catalogue::Rendered,
        images::upload::{expect_upload, upload_image},
    },
    uploads::Uploads,
};

/// Takes a file. What can be refused without reading it is refused first; once it has arrived, it is stored and its
/// picture added, even if the caller goes away.
pub(super) async fn upload(
    request: HttpRequest,
    catalogue: Catalogue,
    uploads: web::Data<Uploads>,
    context: RequestContext,
    product: ProductId,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let limits = uploads.limits();
    form::check_length(&request, limits)?;
    // What it has to equal is known once it has arrived.
    let claim = idempotency::claim_of(&request, &context, || [0; 32])?;
    let place = uploads.enter(context.account).map_err(|taken| {
        Problem::busy(match taken {
            Taken::All => "The service takes as many uploads as it can at the moment.",
            Taken::Share => {
                "Your account has as many uploads under way as it may; send the next after one of them."
            }
        })
    })?;
    expect_upload(&catalogue, context.account, product, claim.as_ref()).await?;
    let upload = form::read(&request, payload, limits).await?;
    let claim = claim.map(|claim| IdempotencyClaim {
        fingerprint: form::fingerprint(&upload),
        ..claim
    });
    let render = move |image: ImageId, shown: Rendered| posted(StatusCode::CREATED, product, image, &shown);
    let added = to_the_end(async move {
        let _place = place;
        let owner = (context.account, product);
        upload_image(
            &catalogue,
            &uploads,
            owner,
            &context.cause(),
            upload,
            claim.as_ref(),
            render,
        )
        .await
    })
    .await?;
    Ok(idempotency::respond(added, CACHE_CONTROL))
}
