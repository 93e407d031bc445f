//! The edge of the server: what happens to every request, whatever it asks for.

use std::time::Duration;

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::ProblemCode;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use super::{
    access, connections,
    context::{REQUEST_ID, RequestContext},
    cors::Cors,
    head::HeadLimits,
    health,
    in_flight::InFlight,
    limits::{self, Standing},
    problem::Problem,
    products::images,
    record::Record,
};
use crate::uploads::Uploads;

/// How questions of browsers are recorded, which are to no route.
const PREFLIGHT: &str = "preflight";

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
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    context: RequestContext,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let busy = connections::begin(&request);
    let path = request.path().to_owned();
    let marks = Marks::of(&request, &context);
    let _place = match enter(&request) {
        Ok(place) => place,
        // No event of its own: a flood of refusals would be one of events as well.
        Err(problem) => {
            let mut response = problem.to_response(&path, &context.request_id);
            marks.put(response.headers_mut());
            return Ok(request.into_response(response));
        }
    };
    if let Some(mut response) = marks.preflight(&request) {
        marks.put(response.headers_mut());
        Record::begin(request.method().clone(), PREFLIGHT.to_owned()).finish(&response, None);
        return Ok(request.into_response(response));
    }
    // Paths that are nobody's route are not logged: callers choose them, and they would fill the logs' index.
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let mut record = Record::begin(request.method().clone(), route);
    let limit = time_limit(&request);
    let is_head = *request.method() == Method::HEAD;
    let mut standing = None;
    let carried_out = async {
        if let Some(limits) = request.app_data::<web::Data<HeadLimits>>() {
            limits.check(&request)?;
        }
        let admitted;
        (standing, admitted) = limits::admit(&request).await;
        if let Ok(Some(caller)) = &admitted {
            record.is_by(caller);
        }
        standing.as_ref().map_or(Ok(()), Standing::check)?;
        admitted?;
        // Handlers answer HEAD as they answer GET; the server sends no body after the head of such an answer.
        if is_head {
            request.head_mut().method = Method::GET;
        }
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
            // What would be streamed must not be begun.
            let response = response.map_body(|_, shown| match shown.size() {
                BodySize::Stream if is_head => BoxBody::new(body::None::new()),
                _ => shown,
            });
            let (mut response, cause) = settle(response, &path, &context.request_id);
            marks.put(response.headers_mut());
            if let Some(standing) = &standing {
                standing.tell(response.headers_mut());
            }
            record.finish(response.response(), cause.as_deref());
            Ok(response.map_body(|_, body| match busy {
                Some(busy) => busy.until_the_end_of(body),
                None => body,
            }))
        }
        // The request is gone with its handler, so the answer travels as an error whose response is ready.
        Err(error) => {
            let (mut response, cause) = answer(&error, &path, &context.request_id);
            marks.put(response.headers_mut());
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
        Some(in_flight) if !health::is_asked_for(access::path_of(request)) => in_flight.enter().map(Some),
        _ => Ok(None),
    }
}

/// What every answer carries, whatever it is.
struct Marks {
    request_id: Option<HeaderValue>,
    cors: Option<web::Data<Option<Cors>>>,
    origin: Option<HeaderValue>,
}

impl Marks {
    fn of(request: &ServiceRequest, context: &RequestContext) -> Self {
        Self {
            request_id: HeaderValue::from_str(&context.request_id).ok(),
            cors: request.app_data::<web::Data<Option<Cors>>>().cloned(),
            origin: request.headers().get(header::ORIGIN).cloned(),
        }
    }

    fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()?.as_ref().as_ref()
    }

    /// The answer to a browser that asks before it calls.
    fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        self.cors()?.preflight(request)
    }

    fn put(&self, headers: &mut HeaderMap) {
        if let Some(request_id) = &self.request_id {
            headers.insert(HeaderName::from_static(REQUEST_ID), request_id.clone());
        }
        if let Some(cors) = self.cors() {
            cors.tell(self.origin.as_ref(), headers);
        }
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
        StatusCode::URI_TOO_LONG => Problem::new(ProblemCode::UriTooLong, detail),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::new(ProblemCode::HeadTooLarge, detail),
        StatusCode::REQUEST_TIMEOUT => Problem::new(ProblemCode::RequestTimeout, detail),
        status if status.is_client_error() => Problem::new(ProblemCode::MalformedRequest, detail),
        _ => Problem::new(ProblemCode::Internal, "The request could not be carried out.").because(detail),
    }
}
