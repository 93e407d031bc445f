//! How often somebody may call: counted in Redis for all processes, and by this one alone while Redis is away.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota as LocalQuota, RateLimiter as LocalLimiter, clock::Clock as _,
    middleware::StateInformationMiddleware,
};
use storage_redis::{Quota, RateLimiter, Taken};

/// Of how many callers this process counts the calls, before it forgets those who have rested.
const LOCAL_CALLERS: usize = 10_000;

/// How often somebody may call. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    quota: Quota,
    shared: RateLimiter,
    local: DefaultKeyedRateLimiter<String, StateInformationMiddleware>,
}

impl Limits {
    /// `rate` calls a second in the long run, and `burst` at once; both at least 1, and `rate` at most a million.
    pub fn new(rate: u32, burst: u32, shared: RateLimiter) -> Self {
        let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota {
            burst: burst.get(),
            interval: Duration::from_secs(1) / rate.get(),
        };
        Self(Arc::new(Inner {
            quota,
            shared,
            local: LocalLimiter::dashmap(LocalQuota::per_second(rate).allow_burst(burst)).with_middleware(),
        }))
    }

    /// What everybody is allowed.
    pub fn quota(&self) -> Quota {
        self.0.quota
    }

    /// Counts a call by `who`.
    pub async fn take(&self, who: String) -> Taken {
        match self.0.shared.take(&who, self.0.quota).await {
            Some(taken) => taken,
            None => self.take_here(&who),
        }
    }

    fn take_here(&self, who: &String) -> Taken {
        let Inner { quota, local, .. } = &*self.0;
        if local.len() > LOCAL_CALLERS {
            local.retain_recent();
        }
        match local.check_key(who) {
            Ok(state) => {
                let gone = quota.burst.saturating_sub(state.remaining_burst_capacity());
                Taken::new(*quota, true, quota.interval * gone)
            }
            Err(refused) => {
                let wait = refused.wait_time_from(local.clock().now());
                let full_after = quota.interval * (quota.burst - 1) + wait;
                Taken::new(*quota, false, full_after)
            }
        }
    }
}
