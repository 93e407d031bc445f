//! How long entries live.

use std::time::Duration;

/// A lifetime as Redis takes it; at least one.
pub(crate) fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Up to `jitter` less than `ttl`, so that what was filled in together does not end together.
pub(crate) fn jittered(ttl: Duration, jitter: Duration) -> Duration {
    ttl.saturating_sub(jitter.mul_f64(fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_spread_over_the_jitter() {
        let ttl = Duration::from_secs(100);
        let lifetimes: Vec<_> = (0..100).map(|_| jittered(ttl, Duration::from_secs(30))).collect();
        assert!(
            lifetimes
                .iter()
                .all(|time| *time >= Duration::from_secs(70) && *time <= ttl)
        );
        assert!(lifetimes.iter().any(|time| *time != lifetimes[0]));
    }
}
