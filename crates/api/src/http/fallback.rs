//! What is answered where no route fits.

use actix_web::{HttpRequest, HttpResponse, dev::ResourceDef, http::header, web::Data};
use domain::ProblemCode;
use utoipa::openapi::{OpenApi, PathItem};

use super::{pages::PAGES, problem::Problem};

/// The addresses that there are, with the methods that each takes.
pub(super) struct Addresses(Vec<(ResourceDef, String)>);

impl Addresses {
    /// Those of a document.
    pub(super) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        let pages = PAGES
            .iter()
            .map(|(path, methods)| (ResourceDef::new(*path), (*methods).to_owned()));
        let routes = paths.map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item).join(", ")));
        Self(routes.chain(pages).collect())
    }
}

/// Answers 405 where an address is there, but not for the method, and else 404.
pub(super) async fn refuse(
    request: HttpRequest,
    addresses: Data<Addresses>,
) -> Result<HttpResponse, Problem> {
    let found = addresses
        .0
        .iter()
        .find(|(address, _)| address.is_match(request.path()));
    Err(match found {
        Some((_, allow)) => {
            let detail = format!("This address takes {allow}.");
            Problem::new(ProblemCode::MethodNotAllowed, detail).with_header(header::ALLOW, allow.as_str())
        }
        None => Problem::new(
            ProblemCode::NotFound,
            "There is nothing at this address; `/docs` lists what there is.",
        ),
    })
}

/// Whatever answers GET answers HEAD: see `edge`.
fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("GET", &item.get),
        ("HEAD", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter()
        .filter(|(_, operation)| operation.is_some())
        .map(|(method, _)| method)
        .collect()
}
