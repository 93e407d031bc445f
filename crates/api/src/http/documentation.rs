//! What the OpenAPI document says beyond its routes.

use utoipa::{
    OpenApi as _,
    openapi::{
        Content, HeaderBuilder, Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Type,
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
                       Where `auth.mode` is `keys`, every request carries a key: `Authorization: Bearer pms_…`, or a JSON Web Token of \
                       an issuer that is set up. The scope that is needed is `read` \
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
/// The name of the scheme that tokens are sent by.
const TOKEN: &str = "token";

/// What every operation may answer besides what it says itself.
const EVERYWHERE: [(&str, &str); 8] = [
    ("401", "Neither a good key nor a good token was sent"),
    ("403", "The key or token is for less than this"),
    ("408", "The request came too slowly"),
    ("414", "Path and query are too long"),
    ("429", "Too many requests; `Retry-After` says when to try again"),
    ("431", "The headers are too large"),
    ("500", "Something went wrong here; it is recorded"),
    (
        "503",
        "A needed part is away, or too much is going on; `Retry-After` says when to try again",
    ),
];

/// Headers of answers, and the statuses that come with them.
const HEADERS: [(&str, &str, &[&str]); 4] = [
    (
        "WWW-Authenticate",
        "What is wrong with the key or token (RFC 6750)",
        &["401", "403"],
    ),
    (
        "Retry-After",
        "After how many seconds to try again",
        &["429", "503"],
    ),
    (
        "RateLimit",
        "Where there is a limit, on every answer: how many requests are left (`r`), and in how many seconds all are (`t`)",
        &["429"],
    ),
    (
        "RateLimit-Policy",
        "Where there is a limit, on every answer: how many requests are allowed at once (`q`), and in how many seconds they all \
         come back (`w`)",
        &["429"],
    ),
];

/// The frame of the document.
pub(super) fn description() -> OpenApi {
    Description::openapi()
}

/// Adds what holds for every operation that callers need a key or a token for.
pub(super) fn complete(document: &mut OpenApi) {
    let scheme = |format: &str, description: &str| {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(format)
            .description(Some(description));
        SecurityScheme::Http(scheme.build())
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(KEY, scheme("pms_<key id>_<secret>", "A key of `api keys create`"));
    components.add_security_scheme(
        TOKEN,
        scheme(
            "JWT",
            "A JSON Web Token of the issuer of `auth.jwt`, where one is set up",
        ),
    );
    for (name, description, _) in HEADERS {
        let header = HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::String)))
            .description(Some(description));
        components
            .headers
            .insert(name.to_owned(), RefOr::T(header.build()));
    }
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
        SecurityRequirement::new::<_, _, String>(TOKEN, []),
        // None is needed while authentication is off.
        SecurityRequirement::default(),
    ]);
    let responses = &mut operation.responses.responses;
    for (status, description) in EVERYWHERE {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
    for (name, _, statuses) in HEADERS {
        for status in statuses {
            if let Some(RefOr::T(response)) = responses.get_mut(*status) {
                let header = Ref::new(format!("#/components/headers/{name}"));
                response
                    .headers
                    .entry(name.to_owned())
                    .or_insert(RefOr::Ref(header));
            }
        }
    }
}

fn problem(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, body)
        .build()
}
