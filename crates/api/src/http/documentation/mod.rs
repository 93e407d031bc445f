//! What the OpenAPI document says beyond its routes.
//!
//! Handlers describe how they succeed. What holds for many is added here by rule, so that none can forget it: the
//! problems that an operation may answer, headers, links and examples.

mod call;
mod examples;
mod headers;
mod links;
pub(super) mod problems;

use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi, RefOr, Response,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use self::call::Call;

/// The frame of the document, which the routes fill.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Product catalogue",
        description = include_str!("introduction.md"),
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Products", description = "Products and their pictures"),
        (name = "Pictures", description = "The pictures of a product, one by one"),
        (name = "Webhooks", description = "Where changes are told, after [Standard Webhooks](https://www.standardwebhooks.com)"),
        (name = "Health", description = "For those who run the service"),
    ),
    // What no handler refers to by itself: parameters do not bring their schemas along.
    components(schemas(super::problem::ProblemBody, crate::vocabulary::ProductSort)),
)]
struct Description;

/// The name of the scheme that keys are sent by.
const KEY: &str = "key";
/// The name of the scheme that tokens are sent by.
const TOKEN: &str = "token";

/// The frame of the document.
pub(super) fn description() -> OpenApi {
    Description::openapi()
}

/// Adds what holds for many operations.
pub(super) fn complete(document: &mut OpenApi) {
    let scheme = |format: &str, description: &str| {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(format)
            .description(Some(description));
        SecurityScheme::Http(scheme.build())
    };
    let key = "A key of `api keys create`. Where `auth.mode` is `off`, none is asked for.";
    let token = "A JSON Web Token of the issuer of `auth.jwt`, where one is set up.";
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(KEY, scheme("pms_<key id>_<secret>", key));
    components.add_security_scheme(TOKEN, scheme("JWT", token));
    components.headers.extend(headers::components());
    components.parameters.extend(headers::parameters());
    components.examples.extend(problems::examples());
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete_operation(method, path, operation);
        }
    }
    links::connect(document);
}

fn complete_operation(method: &'static str, path: &str, operation: &mut Operation) {
    name(method, path, operation);
    headers::describe_request(operation);
    let call = Call::new(method, path, operation);
    if call.is_guarded() {
        operation.security = Some(vec![
            SecurityRequirement::new::<_, _, String>(KEY, []),
            SecurityRequirement::new::<_, _, String>(TOKEN, []),
        ]);
        problems::describe(&call, operation);
    }
    headers::describe_answers(&call, operation);
    examples::add(operation);
    if method == "HEAD" {
        // The same answer as to GET, without its body (RFC 9110, section 9.3.2).
        operation.request_body = None;
        for (_, answer) in answers(operation) {
            answer.content.clear();
        }
    }
}

/// Every operation has a name of its own, since code generators make functions of them. A handler gives its own by
/// `operation_id`; one that does not is called after its function and its path.
fn name(method: &str, path: &str, operation: &mut Operation) {
    let given = operation.operation_id.take().unwrap_or_default();
    let own = if given.contains(|letter: char| letter.is_ascii_uppercase()) {
        given
    } else {
        let words = path
            .split(['/', '-'])
            .filter(|word| !word.is_empty() && !word.starts_with('{') && !matches!(*word, "api" | "v1"));
        words.fold(given, |name, word| name + &capitalised(word))
    };
    operation.operation_id = Some(if method == "HEAD" {
        format!("head{}", capitalised(&own))
    } else {
        own
    });
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", item.get.as_mut()),
        ("HEAD", item.head.as_mut()),
        ("POST", item.post.as_mut()),
        ("PUT", item.put.as_mut()),
        ("PATCH", item.patch.as_mut()),
        ("DELETE", item.delete.as_mut()),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

/// The answers of an operation that are written out, with their statuses.
fn answers(operation: &mut Operation) -> impl Iterator<Item = (&str, &mut Response)> {
    let all = operation.responses.responses.iter_mut();
    all.filter_map(|(status, answer)| match answer {
        RefOr::T(answer) => Some((status.as_str(), answer)),
        RefOr::Ref(_) => None,
    })
}
