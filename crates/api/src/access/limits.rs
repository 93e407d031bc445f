//! How often somebody may call: counted in Redis for all processes, and by this one alone while Redis is away.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota as LocalQuota, RateLimiter as LocalLimiter, clock::Clock as _,
    middleware::StateInformationMiddleware,
};
use moka::future::Cache;
use storage_redis::{Quota, RateLimiter, Taken};

/// Of how many callers this process counts the calls, before it forgets those who have rested.
const LOCAL_CALLERS: usize = 10_000;

/// How many addresses are remembered that have sent what is no good key.
const SUSPECTS: u64 = 10_000;
/// For how long.
const SUSPICION: Duration = Duration::from_secs(60);

/// How often somebody may call. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    quota: Quota,
    shared: RateLimiter,
    local: DefaultKeyedRateLimiter<String, StateInformationMiddleware>,
    suspects: Cache<IpAddr, ()>,
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
            suspects: Cache::builder()
                .max_capacity(SUSPECTS)
                .time_to_live(SUSPICION)
                .build(),
        }))
    }

    /// What everybody is allowed.
    pub fn quota(&self) -> Quota {
        self.0.quota
    }

    /// Notes that what is no good key came from an address.
    pub async fn suspect(&self, address: IpAddr) {
        self.0.suspects.insert(address, ()).await;
    }

    /// True where what is no good key came from an address within the last minute.
    pub fn is_suspect(&self, address: IpAddr) -> bool {
        self.0.suspects.contains_key(&address)
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
