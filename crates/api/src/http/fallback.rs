//! What is answered where no route fits.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, ServiceConfig},
};
use domain::ProblemCode;
use utoipa::openapi::{OpenApi, PathItem};

use super::problem::Problem;

/// Answers 404 to every address that is nobody's.
pub(super) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        ProblemCode::NotFound,
        "There is nothing at this address; `/docs` lists what there is.",
    ))
}

/// Answers 405 to the methods that an address of the document does not take.
pub(super) fn configure(config: &mut ServiceConfig, document: &OpenApi) {
    for (path, item) in &document.paths.paths {
        let allow = methods(item).join(", ");
        config.service(web::resource(path.as_str()).to(move || refuse_method(allow.clone())));
    }
}

async fn refuse_method(allow: String) -> Result<HttpResponse, Problem> {
    let detail = format!("This address takes {allow}.");
    Err(Problem::new(ProblemCode::MethodNotAllowed, detail).with_header(header::ALLOW, allow))
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("GET", &item.get),
        ("HEAD", &item.head),
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
