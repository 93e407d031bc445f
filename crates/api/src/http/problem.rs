//! Problems: how every error is answered (RFC 9457).

use std::{error::Error, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use domain::{Fault, ProblemCode};
use runtime::Causes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::vocabulary;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// When a caller may try again after a needed part was away.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(2);
/// When a caller may try again who was refused because of the others.
const RETRY_AFTER_BUSY: Duration = Duration::from_secs(1);

/// The body of a problem.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The address of a page that explains the problem.
    #[serde(rename = "type")]
    #[schema(pattern = "^/problems/[a-z-]+$", example = "/problems/validation-failed")]
    kind: String,
    /// The same each time.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened this time.
    detail: String,
    /// The path that was asked for.
    instance: String,
    #[schema(value_type = vocabulary::ProblemCode)]
    code: &'static str,
    /// Names this request in the logs.
    request_id: String,
    /// Everything that is wrong with the input; of very much, the first 100.
    #[schema(min_items = 1, max_items = 100)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FaultBody>,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultBody {
    /// Where in the body: a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^#", example = "#/price/amount")]
    pointer: Option<String>,
    /// Which parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// A stable word for programs.
    #[schema(pattern = "^[a-z_]+$", example = "not_positive")]
    code: &'static str,
    /// What was wrong and what would be right.
    detail: String,
}

impl FaultBody {
    /// A fault of a query parameter.
    pub fn of_parameter(parameter: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(parameter.to_owned()),
            code,
            detail: detail.into(),
        }
    }
}

impl From<Fault> for FaultBody {
    fn from(fault: Fault) -> Self {
        Self {
            pointer: Some(fault.pointer),
            parameter: None,
            code: fault.code,
            detail: fault.detail,
        }
    }
}

/// An error on its way to the caller. The edge of the server adds what only it knows: path and request id.
#[derive(Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: String,
    errors: Vec<FaultBody>,
    headers: Vec<(header::HeaderName, String)>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem, with what happened this time.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// There is nothing at this address.
    pub fn not_found() -> Self {
        Self::new(
            ProblemCode::NotFound,
            "There is nothing here, or nothing that you may see.",
        )
    }

    /// Adds what is wrong with the input.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FaultBody>) -> Self {
        self.errors = errors;
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds what the logs are to say, and the caller is not.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A needed part is away, or too slow.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Unavailable, detail).retry_after(RETRY_AFTER)
    }

    /// Everything is there, and busy.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Unavailable, detail).retry_after(RETRY_AFTER_BUSY)
    }

    /// Adds when it may be tried again.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.with_header(header::RETRY_AFTER, delay.as_secs().to_string())
    }

    /// The stable word for it.
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// Everything that is wrong with the input.
    pub fn errors(&self) -> &[FaultBody] {
        &self.errors
    }

    /// The chain of causes, for the logs.
    pub fn cause_text(&self) -> Option<String> {
        self.cause
            .as_ref()
            .map(|cause| Causes(cause.as_ref()).to_string())
    }

    /// The body of the answer to a request to `instance`.
    pub fn to_body(&self, instance: &str, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.code.slug()),
            title: self.code.title(),
            status: self.code.status(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            code: self.code.as_str(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }

    /// The whole answer, for a request to `instance`.
    pub fn to_response(&self, instance: &str, request_id: &str) -> HttpResponse {
        let body = self.to_body(instance, request_id);
        let mut response = HttpResponse::build(self.status_code());
        for header in &self.headers {
            response.insert_header((header.0.clone(), header.1.as_str()));
        }
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Only the edge knows the request; see `edge`.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}
