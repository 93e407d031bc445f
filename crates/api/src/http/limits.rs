//! Telling callers how often they may call, and refusing those who call more often.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-10.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use actix_web::{
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    web,
};
use domain::ProblemCode;
use storage_redis::{Quota, Taken};

use super::{access, client_address::TrustedProxies, problem::Problem};
use crate::access::{Caller, Credential, Limits};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Where a caller stands.
pub(super) struct Standing {
    quota: Quota,
    taken: Taken,
}

/// Lets a caller in, and counts the request by the key or the token's subject that it is admitted by, else by the address
/// that it comes from. That is done first where it costs a question to tell who calls and the address has lately sent what
/// is no good key: a flood of made-up keys is not to become one of questions. There is no standing where nothing is
/// limited.
pub(super) async fn admit(request: &ServiceRequest) -> (Option<Standing>, Result<Option<Caller>, Problem>) {
    let Some(limits) = limits_of(request) else {
        return (None, access::admit(request).await);
    };
    let address = address_of(request).filter(|address| limits.is_suspect(*address));
    let mut standing = None;
    if let Some(address) = address
        && access::has_to_ask(request).await
    {
        let before = take(limits, by_address(address)).await;
        if !before.taken.is_allowed {
            return (Some(before), Ok(None));
        }
        standing = Some(before);
    }
    let admitted = access::admit(request).await;
    match &admitted {
        Err(problem) if problem.code() == ProblemCode::Unauthenticated => {
            if let Some(address) = address_of(request) {
                limits.suspect(address).await;
            }
        }
        _ => {}
    }
    let caller = admitted.as_ref().ok().and_then(Option::as_ref);
    if (caller.is_some() || standing.is_none())
        && let Some(who) = name_of(request, caller)
    {
        standing = Some(take(limits, who).await);
    }
    (standing, admitted)
}

fn limits_of(request: &ServiceRequest) -> Option<&Limits> {
    let limits = request.app_data::<web::Data<Option<Limits>>>()?;
    limits.as_ref().as_ref().filter(|_| access::is_guarded(request))
}

/// Whoever has one address of IPv6 has its whole network of 64 bits, so that they count together.
fn address_of(request: &ServiceRequest) -> Option<IpAddr> {
    let client = request
        .app_data::<web::Data<TrustedProxies>>()?
        .client_of(request)?;
    Some(match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    })
}

fn by_address(address: IpAddr) -> String {
    format!("address:{address}")
}

async fn take(limits: &Limits, who: String) -> Standing {
    Standing {
        quota: limits.quota(),
        taken: limits.take(who).await,
    }
}

fn name_of(request: &ServiceRequest, caller: Option<&Caller>) -> Option<String> {
    Some(match caller.map(|caller| (&caller.credential, caller.account)) {
        Some((Credential::Key(key), _)) => format!("key:{key}"),
        Some((Credential::Token { subject }, account)) => {
            format!("token:{account}:{}", subject.as_deref().unwrap_or_default())
        }
        Some((Credential::Nothing, _)) | None => by_address(address_of(request)?),
    })
}

impl Standing {
    /// Refuses whoever has called too often.
    ///
    /// # Errors
    /// 429.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.taken.is_allowed {
            return Ok(());
        }
        let wait = whole_seconds(self.taken.retry_after).max(1);
        let detail = format!(
            "These were too many requests: at most {} at once, and then {} a second.",
            self.quota.burst,
            Duration::from_secs(1).as_micros() / self.quota.interval.as_micros().max(1),
        );
        Err(Problem::new(ProblemCode::RateLimited, detail).with_header(header::RETRY_AFTER, wait.to_string()))
    }

    /// Adds where the caller stands to an answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Quota { burst, interval } = self.quota;
        let window = whole_seconds(interval * burst).max(1);
        let (remaining, reset) = (self.taken.remaining, whole_seconds(self.taken.full_after));
        for (name, value) in [
            (POLICY, format!("\"default\";q={burst};w={window}")),
            (STANDING, format!("\"default\";r={remaining};t={reset}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Rounded up, so that nobody who waits so long comes too early.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
