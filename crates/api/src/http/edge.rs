//! The edge of the server: what happens to every request, whatever it asks for.

use std::time::Duration;

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::ProblemCode;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use super::{
    access,
    context::{REQUEST_ID, RequestContext},
    health,
    in_flight::InFlight,
    limits::{self, Standing},
    problem::Problem,
    products::images,
    record::Record,
};
use crate::uploads::Uploads;

/// How long a request may take from its head to its answer.
#[derive(Clone, Copy, Debug)]
pub struct RequestTimeout(pub Duration);

/// Names the request, refuses it where too many are under way or the caller may not, bounds its time, turns every error into a problem, and
/// writes the one event that tells of it.
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
    let path = request.path().to_owned();
    let _place = match enter(&request) {
        Ok(place) => place,
        // No event of its own: a flood of refusals would be one of events as well.
        Err(problem) => {
            let mut response = problem.to_response(&path, &context.request_id);
            name(response.headers_mut(), &context.request_id);
            return Ok(request.into_response(response));
        }
    };
    // Paths that are nobody's route are not logged: callers choose them, and they would fill the logs' index.
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let mut record = Record::begin(request.method().clone(), route);
    let limit = time_limit(&request);
    let mut standing = None;
    let carried_out = async {
        let admitted = access::admit(&request).await;
        let caller = admitted.as_ref().ok().and_then(Option::as_ref);
        if let Some(caller) = caller {
            record.is_by(caller);
        }
        standing = limits::count(&request, caller).await;
        standing.as_ref().map_or(Ok(()), Standing::check)?;
        admitted?;
        next.call(request).await
    };
    let outcome = match tokio::time::timeout(limit, carried_out).await {
        Ok(outcome) => outcome.map(ServiceResponse::map_into_boxed_body),
        Err(_) => Err(Problem::unavailable("The request could not be answered in time.")
            .because(format!("{limit:?} have passed"))
            .into()),
    };
    match outcome {
        Ok(response) => {
            let (mut response, cause) = settle(response, &path, &context.request_id);
            name(response.headers_mut(), &context.request_id);
            if let Some(standing) = &standing {
                standing.tell(response.headers_mut());
            }
            record.finish(response.response(), cause.as_deref());
            Ok(response)
        }
        // The request is gone with its handler, so the answer travels as an error whose response is ready.
        Err(error) => {
            let (mut response, cause) = answer(&error, &path, &context.request_id);
            name(response.headers_mut(), &context.request_id);
            if let Some(standing) = &standing {
                standing.tell(response.headers_mut());
            }
            record.finish(&response, cause.as_deref());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// How long a request may take from its head to its answer: `server.request_timeout`, beside what an upload may take to
/// arrive.
fn time_limit(request: &ServiceRequest) -> Duration {
    let usual = request
        .app_data::<web::Data<RequestTimeout>>()
        .map_or(Duration::from_secs(30), |limit| limit.0);
    match request.app_data::<web::Data<Uploads>>() {
        Some(uploads) if images::is_upload(request) => usual + uploads.limits().timeout,
        _ => usual,
    }
}

/// A place among the requests under way. Health needs none: who is busy is not ill.
fn enter(request: &ServiceRequest) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    match request.app_data::<web::Data<InFlight>>() {
        Some(in_flight) if !health::is_asked_for(request.path()) => in_flight.enter().map(Some),
        _ => Ok(None),
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
    let (body, cause) = match response.response().error() {
        Some(error) => answer(error, path, request_id),
        None if is_bare_error(response.response()) => {
            let problem = problem_of(response.status(), "There is nothing more to say.".to_owned());
            (problem.to_response(path, request_id), None)
        }
        None => return (response, None),
    };
    let headers = response.headers().clone();
    let mut response = response.into_response(body);
    for (name, value) in headers {
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, cause)
}

/// An error without a word, as libraries beneath answer some.
fn is_bare_error(response: &HttpResponse<BoxBody>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && matches!(response.body().size(), BodySize::None | BodySize::Sized(0))
}

/// Answers an error: one of ours, or one of the framework's.
fn answer(error: &Error, path: &str, request_id: &str) -> (HttpResponse<BoxBody>, Option<String>) {
    let foreign;
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem,
        None => {
            foreign = problem_of(error.as_response_error().status_code(), error.to_string());
            &foreign
        }
    };
    (problem.to_response(path, request_id), problem.cause_text())
}

fn problem_of(status: StatusCode, detail: String) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemCode::BodyTooLarge, detail),
        StatusCode::REQUEST_TIMEOUT => Problem::new(ProblemCode::RequestTimeout, detail),
        status if status.is_client_error() => Problem::new(ProblemCode::MalformedRequest, detail),
        _ => Problem::new(ProblemCode::Internal, "The request could not be carried out.").because(detail),
    }
}
