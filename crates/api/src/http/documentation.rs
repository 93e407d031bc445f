//! What the OpenAPI document says beyond its routes.

use utoipa::{
    OpenApi as _,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::problem::MEDIA_TYPE;

/// The frame of the document, which the routes fill.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Product catalogue",
        description = "Create, find, change and list products. Pictures are fetched, checked, turned into web-ready variants and \
                       stored by workers; the product shows them as soon as they are ready.\n\nEvery error is a problem of RFC 9457 \
                       whose `type` is the address of a page that explains it. Every answer names its request in `X-Request-Id`.\n\n\
                       Where `auth.mode` is `keys`, every request carries a key: `Authorization: Bearer pms_…`. Its scope is `read` \
                       for `GET` and `HEAD`, `write` for everything else, and `admin` for webhooks. Where `auth.mode` is `off`, none is asked for.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Products", description = "Products and their pictures"),
        (name = "Pictures", description = "The pictures of a product, one by one"),
        (name = "Webhooks", description = "Where changes are told, after [Standard Webhooks](https://www.standardwebhooks.com)"),
        (name = "Health", description = "For those who run the service"),
    ),
)]
struct Description;

/// The name of the scheme that keys are sent by.
const KEY: &str = "key";

/// What every operation may answer besides what it says itself.
const EVERYWHERE: [(&str, &str); 6] = [
    ("401", "No good key was sent"),
    ("403", "The key is for less than this"),
    ("408", "The request came too slowly"),
    ("429", "Too many requests; `Retry-After` says when to try again"),
    ("500", "Something went wrong here; it is recorded"),
    (
        "503",
        "A needed part is away, or too much is going on; `Retry-After` says when to try again",
    ),
];

/// The frame of the document.
pub(super) fn description() -> OpenApi {
    Description::openapi()
}

/// Adds what holds for every operation that callers need a key for.
pub(super) fn complete(document: &mut OpenApi) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A key of `api keys create`"))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(KEY, SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        if path.starts_with("/api/") {
            operations(item)
                .into_iter()
                .flatten()
                .for_each(complete_operation);
        }
    }
}

fn operations(item: &mut PathItem) -> [Option<&mut Operation>; 6] {
    [
        item.get.as_mut(),
        item.head.as_mut(),
        item.post.as_mut(),
        item.put.as_mut(),
        item.patch.as_mut(),
        item.delete.as_mut(),
    ]
}

fn complete_operation(operation: &mut Operation) {
    operation.security = Some(vec![
        SecurityRequirement::new::<_, _, String>(KEY, []),
        // None is needed while authentication is off.
        SecurityRequirement::default(),
    ]);
    let responses = &mut operation.responses.responses;
    for (status, description) in EVERYWHERE {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, body)
        .build()
}
