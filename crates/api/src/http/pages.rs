//! Pages for people: the documentation, and an explanation of each problem. None needs a network.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, ServiceConfig},
};
use domain::ProblemCode;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::problem::Problem;

/// The addresses below, which the document does not hold, with the methods that each takes.
pub(super) const PAGES: [(&str, &str); 4] = [
    ("/docs", "GET, HEAD"),
    ("/docs/{file:.*}", "GET, HEAD"),
    ("/openapi.json", "GET, HEAD"),
    ("/problems/{slug}", "GET, HEAD"),
];

/// The addresses of pages.
pub(super) fn configure(config: &mut ServiceConfig, document: &OpenApi) {
    let docs = || async {
        HttpResponse::Found()
            .insert_header((header::LOCATION, "/docs/"))
            .finish()
    };
    config
        .route("/docs", web::get().to(docs))
        .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", document.clone()))
        .route("/problems/{slug}", web::get().to(problem));
}

async fn problem(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let problem = ProblemCode::from_slug(&slug).ok_or_else(Problem::not_found)?;
    let (title, status, code) = (problem.title(), problem.status(), problem.as_str());
    let explanation = problem.explanation();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<p>HTTP status {status}, code <code>{code}</code></p>\n\
         <p>{explanation}</p>\n<p><a href=\"/docs/\">Documentation</a></p>\n</body>\n</html>\n"
    );
    let mut response = HttpResponse::Ok();
    Ok(response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "max-age=3600"))
        .body(page))
}
