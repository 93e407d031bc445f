//! `/api/v1/products/{id}/images`.

mod create;
mod delete;
mod form;
mod list;
mod read;
mod retry;
mod update;
mod upload;

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::{Payload, ServiceRequest},
    http::{Method, StatusCode, header},
};
use domain::{ImageId, ProductId};
use storage_postgres::StoredAnswer;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    http::{
        access::path_of,
        conditional::{self, CACHE_CONTROL, etag, expected},
        problem::Problem,
    },
    products::catalogue::Rendered,
};

/// The addresses of pictures.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create)
        .service(list::list)
        .service(read::read)
        .service(update::update)
        .service(delete::delete)
        .service(retry::retry);
}

/// The media type that a file is sent in.
const FORM: &str = "multipart/form-data";

/// True of a request that sends a file, which may take longer than others.
pub(in crate::http) fn is_upload(request: &ServiceRequest) -> bool {
    request.method() == Method::POST
        && path_of(request).ends_with("/images")
        && media_type(request.request()) == FORM
}

/// The media type of a body, without its parameters.
fn media_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The product and the picture that a path names. What is no identifier names nothing.
struct ImagePath(ProductId, ImageId);

impl FromRequest for ImagePath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let named = |name| request.match_info().get(name);
        let product = named("id").and_then(|text| text.parse().ok());
        let image = named("image_id").and_then(|text| text.parse().ok());
        ready(product.zip(image).map_or_else(
            || Err(Problem::not_found()),
            |(product, image)| Ok(Self(product, image)),
        ))
    }
}

/// What is read, unless the caller has it already.
fn show(request: &HttpRequest, shown: Rendered) -> Result<HttpResponse, Problem> {
    conditional::show(&expected(request)?, "product", shown.version, shown.body)
}

/// The answer to whoever adds a picture, or has one tried again.
fn posted(status: StatusCode, product: ProductId, image: ImageId, shown: &Rendered) -> StoredAnswer {
    StoredAnswer {
        status: status.as_u16(),
        headers: vec![
            (
                header::LOCATION.to_string(),
                format!("/api/v1/products/{product}/images/{image}"),
            ),
            (header::ETAG.to_string(), etag(shown.version)),
        ],
        body: shown.body.to_vec(),
    }
}
