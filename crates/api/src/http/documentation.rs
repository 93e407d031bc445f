//! What the OpenAPI document says beyond its routes.

use utoipa::OpenApi as _;

/// The frame of the document, which the routes fill.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Product catalogue",
        description = "Create, find, change and list products. Pictures are fetched, checked, turned into web-ready variants and \
                       stored by workers; the product shows them as soon as they are ready.\n\nEvery error is a problem of RFC 9457 \
                       whose `type` is the address of a page that explains it. Every answer names its request in `X-Request-Id`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Products", description = "Products and their pictures"),
        (name = "Webhooks", description = "Where changes are told, after [Standard Webhooks](https://www.standardwebhooks.com)"),
        (name = "Health", description = "For those who run the service"),
    ),
)]
struct Description;

/// The frame of the document.
pub(super) fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
