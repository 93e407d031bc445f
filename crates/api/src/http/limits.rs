//! Telling callers how often they may call, and refusing those who call more often.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-10.

use std::time::Duration;

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

/// Counts a request by the key or the token's subject that it is admitted by, else by the address that it comes from. None
/// where nothing is limited.
pub(super) async fn count(request: &ServiceRequest, caller: Option<&Caller>) -> Option<Standing> {
    let limits = request
        .app_data::<web::Data<Option<Limits>>>()?
        .as_ref()
        .as_ref()?;
    if !access::is_guarded(request) {
        return None;
    }
    let who = match caller.map(|caller| (&caller.credential, caller.account)) {
        Some((Credential::Key(key), _)) => format!("key:{key}"),
        Some((Credential::Token { subject }, account)) => {
            format!("token:{account}:{}", subject.as_deref().unwrap_or_default())
        }
        Some((Credential::Nothing, _)) | None => {
            let proxies = request.app_data::<web::Data<TrustedProxies>>()?;
            format!("address:{}", proxies.client_of(request)?)
        }
    };
    Some(Standing {
        quota: limits.quota(),
        taken: limits.take(who).await,
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
