//! Letting callers in: who they are, and whether they may do what they ask for.

use actix_web::{
    HttpMessage as _,
    dev::ServiceRequest,
    http::{Method, header},
    web,
};
use domain::{ProblemCode, Scope};

use super::{context::RequestContext, problem::Problem};
use crate::access::{Access, Caller, Refusal};

/// What begins the paths that are for known callers only. The others explain the API, or tell how it is.
const GUARDED: &str = "/api/";
/// What begins the paths of webhooks.
const WEBHOOKS: &str = "/api/v1/webhook-endpoints";

/// Tells the rest of the request who calls. None where everybody may.
///
/// # Errors
/// 401, 403, or 503 where the database is away that knows the keys.
pub(super) async fn admit(request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let (Some(access), true) = (request.app_data::<web::Data<Access>>(), is_guarded(request)) else {
        return Ok(None);
    };
    let caller = access.admit(credential_of(request)?).await?;
    let needed = needed(request.method(), path_of(request));
    if !caller.scope.covers(needed) {
        return Err(insufficient(needed, caller.scope));
    }
    if let Some(context) = request.extensions_mut().get_mut::<RequestContext>() {
        context.account = caller.account;
    }
    Ok(Some(caller))
}

/// True where it costs a question to the database to tell who calls, and what was sent may be made up.
pub(super) async fn has_to_ask(request: &ServiceRequest) -> bool {
    match (request.app_data::<web::Data<Access>>(), credential_of(request)) {
        (Some(access), Ok(credential)) => access.has_to_ask(credential).await,
        _ => false,
    }
}

fn credential_of(request: &ServiceRequest) -> Result<Option<&[u8]>, Refusal> {
    let mut credentials = request.headers().get_all(header::AUTHORIZATION);
    let credential = credentials.next().map(header::HeaderValue::as_bytes);
    match credentials.next() {
        None => Ok(credential),
        Some(_) => Err(Refusal::Malformed),
    }
}

/// The path by which the route of a request is found. In `uri` it may be written in other ways, such as `/%61pi/`.
pub(super) fn path_of(request: &ServiceRequest) -> &str {
    request.match_info().as_str()
}

/// True where a request is for known callers only.
pub(super) fn is_guarded(request: &ServiceRequest) -> bool {
    path_of(request).starts_with(GUARDED)
}

/// Who is told of changes learns of all of them, so that a webhook is for administrators alone.
fn needed(method: &Method, path: &str) -> Scope {
    if path.starts_with(WEBHOOKS) {
        Scope::Admin
    } else if *method == Method::GET || *method == Method::HEAD {
        Scope::Read
    } else {
        Scope::Write
    }
}

fn insufficient(needed: Scope, given: Scope) -> Problem {
    let detail = format!("This needs the scope `{needed}`; that of your key or token is `{given}`.");
    let challenge = format!("Bearer realm=\"pms\", error=\"insufficient_scope\", scope=\"{needed}\"");
    Problem::new(ProblemCode::InsufficientScope, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        // RFC 6750, section 3: whoever sent nothing is told how, and not that it was wrong.
        match refusal {
            Refusal::Storage(error) => error.into(),
            Refusal::IssuerAway => {
                Self::unavailable("The token cannot be judged: the keys of its issuer cannot be had.")
                    .because(refusal)
            }
            Refusal::Missing => challenge("Send a key: `Authorization: Bearer pms_…`.", ""),
            Refusal::Malformed => challenge(
                "`Authorization` must hold one key: `Bearer pms_…`, as it was shown when it was made.",
                ", error=\"invalid_token\"",
            ),
            Refusal::Bad => challenge(
                "This key is unknown, was revoked, or has expired.",
                ", error=\"invalid_token\"",
            ),
            Refusal::Token(fault) => challenge(
                fault.to_string(),
                &format!(", error=\"invalid_token\", error_description=\"{fault}\""),
            ),
            Refusal::Scopeless => {
                let detail = "The token has none of the scopes `read`, `write` and `admin` of this service.";
                let challenge = "Bearer realm=\"pms\", error=\"insufficient_scope\"";
                Self::new(ProblemCode::InsufficientScope, detail)
                    .with_header(header::WWW_AUTHENTICATE, challenge)
            }
        }
    }
}

fn challenge(detail: impl Into<String>, error: &str) -> Problem {
    Problem::new(ProblemCode::Unauthenticated, detail)
        .with_header(header::WWW_AUTHENTICATE, format!("Bearer realm=\"pms\"{error}"))
}
