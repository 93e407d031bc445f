//! `POST /products/{id}/images`.

use actix_web::{FromRequest as _, HttpRequest, HttpResponse, http::StatusCode, http::header, post, web};
use domain::{ImageId, ProblemCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CACHE_CONTROL, FORM, media_type, posted, upload::upload};
use crate::{
    http::{
        context::RequestContext,
        idempotency,
        json::JsonBody,
        problem::Problem,
        products::{Catalogue, ProductPath},
        query, to_the_end,
    },
    products::{ImageBody, catalogue::Rendered, images::add::add_image},
    uploads::Uploads,
};

/// What this address reads.
const ACCEPTED: &str = "application/json, multipart/form-data";

/// A picture to be fetched. Every field that is not named here is a fault.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::images::draft` reads it and lists all faults"
)]
#[schema(as = ImageByAddress)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageByAddressBody {
    /// An `http` or `https` address that everybody can reach.
    #[schema(max_length = 2_048, format = Uri, pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]", example = "https://example.com/mug.jpg")]
    source_url: String,
    /// What the picture shows, for those who do not see it.
    #[schema(
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "The mug from above"
    )]
    alt: Option<String>,
    /// Its place among the others, which make room. The last where it is left out, or beyond the last.
    #[schema(minimum = 0, maximum = 19, example = 0)]
    position: Option<i32>,
}

/// A picture to be uploaded. Every part that is not named here is a fault.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `form` reads it and lists the faults"
)]
#[schema(as = ImageUpload)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageUploadBody {
    /// A JPEG, PNG, WebP or GIF, whatever its name and its `Content-Type` say. Up to 32 MiB, unless the setting
    /// `images.max_upload_bytes` says otherwise.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the picture shows, for those who do not see it.
    #[schema(
        nullable = false,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "The mug from above"
    )]
    alt: Option<String>,
    /// Its place among the others, which make room. The last where it is left out, or beyond the last.
    #[schema(nullable = false, minimum = 0, maximum = 19, example = 0)]
    position: Option<i32>,
}

/// Add a picture.
///
/// Name its address, and it is fetched; or send it as the part `file` of a form. The picture is `pending`, and becomes
/// `ready`, or `failed` with a reason, as the workers get to it. Of one picture there may be several.
///
/// A form that is refused, cut off, or cannot be stored leaves nothing behind. To repeat a request with the same
/// `Idempotency-Key`, send the same file with the same `alt` and `position`.
#[utoipa::path(
    operation_id = "addProductImage",
    tag = "Pictures",
    request_body(content(
        (ImageByAddressBody = "application/json"),
        (ImageUploadBody = "multipart/form-data"),
    )),
    params(
        ("id" = uuid::Uuid, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours"),
    ),
    responses(
        (status = 201, body = ImageBody, description = "Added", headers(
            ("Location" = String, description = "The path of the picture"),
            ("ETag" = String, description = "The version of the product, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key added it"),
        )),
    ),
)]
#[post("/products/{id}/images")]
pub(super) async fn create(
    request: HttpRequest,
    catalogue: Catalogue,
    uploads: web::Data<Uploads>,
    context: RequestContext,
    path: ProductPath,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let mut payload = payload.into_inner();
    match media_type(&request).as_str() {
        FORM => return upload(request, catalogue, uploads, context, path.0, payload).await,
        "application/json" => {}
        other => return Err(unsupported(other)),
    }
    let body = JsonBody::from_request(&request, &mut payload).await?;
    let claim = idempotency::claim(&request, &context, &body)?;
    let product = path.0;
    let render = move |image: ImageId, shown: Rendered| posted(StatusCode::CREATED, product, image, &shown);
    let added = to_the_end(async move {
        let (account, cause) = (context.account, context.cause());
        add_image(
            &catalogue,
            account,
            product,
            &cause,
            &body.value,
            claim.as_ref(),
            render,
        )
        .await
    })
    .await?;
    Ok(idempotency::respond(added, CACHE_CONTROL))
}

fn unsupported(given: &str) -> Problem {
    let given = match given {
        "" => "The header `Content-Type` is missing".to_owned(),
        given => format!("`{given}` is not read here"),
    };
    let detail = format!("{given}; send {ACCEPTED}.");
    Problem::new(ProblemCode::UnsupportedMediaType, detail).with_header(header::ACCEPT, ACCEPTED)
}
