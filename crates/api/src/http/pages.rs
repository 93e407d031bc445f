//! Pages for people: the documentation, and an explanation of each problem. None needs a network.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, ServiceConfig},
};
use domain::ProblemCode;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{documentation::problems::example_body, problem::Problem};

/// The addresses below, which the document does not hold, with the methods that each takes.
pub(super) const PAGES: [(&str, &str); 5] = [
    ("/docs", "GET, HEAD"),
    ("/docs/{file:.*}", "GET, HEAD"),
    ("/openapi.json", "GET, HEAD"),
    ("/problems", "GET, HEAD"),
    ("/problems/{slug}", "GET, HEAD"),
];

const STYLE: &str = "\
    :root{color-scheme:light dark}\
    body{font:1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}\
    code,pre{font:.9em/1.5 ui-monospace,monospace}\
    pre{padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8885;border-radius:.4rem}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.3rem 1rem .3rem 0;border-bottom:1px solid #8885}\
    .facts{color:#777}";

/// The addresses of pages.
pub(super) fn configure(config: &mut ServiceConfig, document: &OpenApi) {
    let docs = || async {
        HttpResponse::Found()
            .insert_header((header::LOCATION, "/docs/"))
            .finish()
    };
    // By default a server elsewhere is asked to judge the document.
    let look = Config::default()
        .validator_url("none")
        .use_base_layout()
        .display_request_duration(true)
        .try_it_out_enabled(true)
        .default_models_expand_depth(0);
    let ui = SwaggerUi::new("/docs/{_:.*}")
        .config(look)
        .url("/openapi.json", document.clone());
    config
        .route("/docs", web::get().to(docs))
        .route("/docs", web::head().to(docs))
        .service(ui)
        .route("/problems", web::get().to(problems))
        .route("/problems", web::head().to(problems))
        .route("/problems/{slug}", web::get().to(problem))
        .route("/problems/{slug}", web::head().to(problem));
}

async fn problems() -> HttpResponse {
    let mut rows = String::new();
    for code in ProblemCode::ALL {
        let (status, slug, title) = (code.status(), code.slug(), html(code.title()));
        // Writing to a text cannot fail.
        let _ = writeln!(
            rows,
            "<tr><td>{status}</td><td><a href=\"/problems/{slug}\"><code>{code}</code></a></td><td>{title}</td></tr>"
        );
    }
    let body = format!(
        "<h1>Problems</h1>\n<p>Every error is one of these, as <code>application/problem+json</code> (RFC 9457). Programs \
         go by its <code>code</code>.</p>\n<table>\n<tr><th>Status</th><th>Code</th><th></th></tr>\n{rows}</table>\n\
         <p><a href=\"/docs/\">Documentation</a></p>"
    );
    page("Problems", &body)
}

async fn problem(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let problem = ProblemCode::from_slug(&slug).ok_or_else(Problem::not_found)?;
    let (title, status) = (html(problem.title()), problem.status());
    let explanation = html(problem.explanation());
    // The example is made of texts and numbers, which always have a JSON form.
    let example = serde_json::to_string_pretty(&example_body(problem)).unwrap_or_default();
    let body = format!(
        "<h1>{title}</h1>\n<p class=\"facts\">HTTP status {status}, code <code>{problem}</code></p>\n\
         <p>{explanation}</p>\n<h2>Example</h2>\n<pre>{}</pre>\n<p>Quote <code>request_id</code> when you report it.</p>\n\
         <p><a href=\"/problems\">All problems</a> · <a href=\"/docs/\">Documentation</a></p>",
        escaped(&example)
    );
    Ok(page(&title, &body))
}

fn page(title: &str, body: &str) -> HttpResponse {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n{body}\n</body>\n</html>\n"
    );
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "max-age=3600"))
        .body(page)
}

/// Our own words as HTML: what stands between backticks is code.
fn html(words: &str) -> String {
    let parts = words.split('`').map(escaped).enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => part,
            _ => format!("<code>{part}</code>"),
        })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
