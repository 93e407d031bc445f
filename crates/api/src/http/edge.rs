//! The edge of the server: what happens to every request, whatever it asks for.

use std::time::{Duration, Instant};

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::ProblemCode;
use tracing::Instrument as _;

use super::{
    context::{REQUEST_ID, RequestContext},
    problem::Problem,
};

/// How long a request may take from its head to its answer.
#[derive(Clone, Copy, Debug)]
pub struct RequestTimeout(pub Duration);

/// Names the request, bounds its time, turns every error into a problem, and writes the one event that tells of it.
pub async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = RequestContext::read(request.headers());
    request.extensions_mut().insert(context.clone());
    let span = tracing::info_span!("request", request_id = %context.request_id);
    run(request, next, context).instrument(span).await
}

async fn run(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    context: RequestContext,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let asked = Asked {
        method: request.method().clone(),
        // Paths that are nobody's route are not logged: callers choose them, and they would fill the logs' index.
        route: request.match_pattern().unwrap_or_else(|| "none".to_owned()),
        path: request.path().to_owned(),
    };
    let limit = request
        .app_data::<web::Data<RequestTimeout>>()
        .map_or(Duration::from_secs(30), |limit| limit.0);
    let outcome = match tokio::time::timeout(limit, next.call(request)).await {
        Ok(outcome) => outcome.map(ServiceResponse::map_into_boxed_body),
        Err(_) => Err(Problem::new(
            ProblemCode::RequestTimeout,
            "The request was not answered in time.",
        )
        .into()),
    };
    match outcome {
        Ok(response) => {
            let (mut response, cause) = settle(response, &asked.path, &context.request_id);
            name(response.headers_mut(), &context.request_id);
            record(
                &asked,
                &context,
                response.response(),
                begun.elapsed(),
                cause.as_deref(),
            );
            Ok(response)
        }
        // The request is gone with its handler, so the answer travels as an error whose response is ready.
        Err(error) => {
            let (mut response, cause) = answer(&error, &asked.path, &context.request_id);
            name(response.headers_mut(), &context.request_id);
            record(&asked, &context, &response, begun.elapsed(), cause.as_deref());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// What a request asked for, as the logs tell it.
struct Asked {
    method: Method,
    route: String,
    path: String,
}

impl Asked {
    /// The method, of which callers may invent any number: each would be a time series of its own.
    fn label(&self) -> String {
        const KNOWN: [Method; 7] = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        if KNOWN.contains(&self.method) {
            self.method.to_string()
        } else {
            "other".to_owned()
        }
    }
}

fn name(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static(REQUEST_ID), value);
    }
}

/// A handler's error arrives inside its response; its body is made here, where path and request id are known.
fn settle(
    response: ServiceResponse<BoxBody>,
    path: &str,
    request_id: &str,
) -> (ServiceResponse<BoxBody>, Option<String>) {
    let Some(error) = response.response().error() else {
        return (response, None);
    };
    let (body, cause) = answer(error, path, request_id);
    let headers = response.headers().clone();
    let mut response = response.into_response(body);
    for (name, value) in headers {
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, cause)
}

/// Answers an error: one of ours, or one of the framework's.
fn answer(error: &Error, path: &str, request_id: &str) -> (HttpResponse<BoxBody>, Option<String>) {
    let foreign;
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem,
        None => {
            foreign = translate(error);
            &foreign
        }
    };
    (problem.to_response(path, request_id), problem.cause_text())
}

fn translate(error: &Error) -> Problem {
    let detail = error.to_string();
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemCode::BodyTooLarge, detail),
        StatusCode::REQUEST_TIMEOUT => Problem::new(ProblemCode::RequestTimeout, detail),
        status if status.is_client_error() => Problem::new(ProblemCode::MalformedRequest, detail),
        _ => Problem::new(ProblemCode::Internal, "The request could not be carried out.").because(detail),
    }
}

fn record(
    asked: &Asked,
    context: &RequestContext,
    response: &HttpResponse<BoxBody>,
    took: Duration,
    cause: Option<&str>,
) {
    let (method, route) = (asked.method.as_str(), asked.route.as_str());
    let status = response.status().as_u16();
    // To the microsecond: more digits would be noise.
    let duration_ms = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    let bytes = match response.body().size() {
        BodySize::Sized(bytes) => bytes,
        BodySize::None | BodySize::Stream => 0,
    };
    let labels = [
        ("method", asked.label()),
        ("route", asked.route.clone()),
        ("status", status.to_string()),
    ];
    metrics::histogram!("http_request_duration_seconds", &labels).record(took.as_secs_f64());
    let account = tracing::field::display(context.account);
    match cause {
        Some(error) => tracing::error!(
            method,
            route,
            status,
            duration_ms,
            bytes,
            account,
            error,
            "request failed"
        ),
        None if status >= 500 => tracing::error!(
            method,
            route,
            status,
            duration_ms,
            bytes,
            account,
            "request failed"
        ),
        None => tracing::info!(method, route, status, duration_ms, bytes, account, "request"),
    }
}
