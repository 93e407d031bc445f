//! `/api/v1/products`.

mod batch;
mod batch_body;
mod create;
mod delete;
pub(super) mod images;
mod list;
mod list_query;
mod read;
mod update;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use domain::ProductId;
use std::future::{Ready, ready};
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::batch_body::BatchLimits;
use super::{conditional::CACHE_CONTROL, fallback, problem::Problem};

/// The addresses of products.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(batch::batch)
        // Without this, `batch` would be the identifier of no product to every other method.
        .route("/products/batch", web::route().to(fallback::refuse))
        .service(create::create)
        .service(list::list)
        .service(read::read)
        .service(update::update)
        .service(delete::delete)
        .configure(images::configure);
}

/// The product that a path names. What is no identifier names nothing.
struct ProductPath(ProductId);

impl FromRequest for ProductPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(Problem::not_found))
    }
}

/// The use cases' parts, as handlers receive them.
type Catalogue = web::Data<crate::products::Catalogue>;
