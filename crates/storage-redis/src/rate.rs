//! How often somebody may call, counted for all processes.
//!
//! A bucket is one number: the moment at which it will be full again, by Redis's clock. Whoever takes a token moves it into the
//! future, and may do so while it is no further away than all tokens together take to come back. (This is the generic
//! cell rate algorithm, ITU-T I.371, in the form of a virtual schedule.)

use std::time::Duration;

use redis::Script;
use resilience::{Breaker, BreakerConfig};

use crate::{config::CacheConfig, error::Error, link::Link};

/// `KEYS[1]`; microseconds for one token to come back, and tokens of a full bucket. Answers whether a token was taken,
/// and the microseconds until the bucket is full.
const TAKE: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local taken = full_at + ARGV[1]
if taken - now > ARGV[1] * ARGV[2] then
  return {0, full_at - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', taken), 'PX', math.ceil((taken - now) / 1000))
return {1, taken - now}
";

/// How many tokens a bucket holds, and how fast they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tokens of a full bucket; at least 1.
    pub burst: u32,
    /// How long it takes until one comes back; at least a microsecond.
    pub interval: Duration,
}

/// What came of asking for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was one.
    pub is_allowed: bool,
    /// How many are left.
    pub remaining: u32,
    /// When there will be one; zero where there is.
    pub retry_after: Duration,
    /// When the bucket will be full.
    pub full_after: Duration,
}

impl Taken {
    /// What is known of a bucket of this quota that will be full `full_after` now.
    pub fn new(quota: Quota, is_allowed: bool, full_after: Duration) -> Self {
        let whole = quota.interval * quota.burst;
        let left = whole.saturating_sub(full_after).as_micros() / quota.interval.as_micros().max(1);
        let remaining = u32::try_from(left).unwrap_or(quota.burst);
        Self {
            is_allowed,
            remaining,
            retry_after: (full_after + quota.interval).saturating_sub(whole),
            full_after,
        }
    }
}

/// Buckets of tokens that all processes share. It connects for itself, since it is there where the cache is not.
pub struct RateLimiter {
    link: Link,
    breaker: Breaker,
    script: Script,
    prefix: String,
}

impl RateLimiter {
    /// Prepares it and connects in the background. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot work.
    pub fn new(config: &CacheConfig) -> Result<Self, Error> {
        let breaker = BreakerConfig {
            slow_after: config.response_timeout * 2,
            ..BreakerConfig::default()
        };
        Ok(Self {
            link: Link::new(config)?,
            breaker: Breaker::new("redis_limits", breaker),
            script: Script::new(TAKE),
            prefix: config.prefix.clone(),
        })
    }

    /// Takes a token out of the bucket of `who`. None where Redis is away, within the response timeout; somebody else must
    /// count then.
    pub async fn take(&self, who: &str, quota: Quota) -> Option<Taken> {
        let interval = u64::try_from(quota.interval.as_micros())
            .unwrap_or(u64::MAX)
            .max(1);
        let mut invocation = self.script.prepare_invoke();
        invocation
            .key(format!("{}:limit:{who}", self.prefix))
            .arg(interval)
            .arg(quota.burst);
        let call = self.link.shared_script::<(bool, u64)>(&invocation);
        match self.breaker.call(|_| true, call).await {
            Ok((is_allowed, full_after)) => {
                Some(Taken::new(quota, is_allowed, Duration::from_micros(full_after)))
            }
            Err(error) => {
                tracing::debug!(%error, "Redis did not count a call");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        burst: 10,
        interval: Duration::from_millis(100),
    };

    #[test]
    fn what_is_left_and_when_more_comes_is_told() {
        let taken = Taken::new(QUOTA, true, Duration::from_millis(100));
        assert_eq!((taken.remaining, taken.retry_after), (9, Duration::ZERO));
        let last = Taken::new(QUOTA, true, Duration::from_secs(1));
        assert_eq!(
            (last.remaining, last.retry_after),
            (0, Duration::from_millis(100))
        );
        let refused = Taken::new(QUOTA, false, Duration::from_millis(950));
        assert_eq!(
            (refused.remaining, refused.retry_after),
            (0, Duration::from_millis(50))
        );
    }
}
