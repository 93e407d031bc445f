//! When a breaker opens, and for how long.

use std::time::Duration;

/// When a breaker opens, for how long, and how it closes again.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerConfig {
    /// The last so many calls are judged, and none before more than that were made. At least one.
    pub judged_calls: usize,
    /// The share of them that opens the breaker by failing: above 0, at most 1.
    pub failure_share: f32,
    /// How long no call is let through once it has opened, give or take a fifth, so that many processes do not come
    /// back in step.
    pub open_for: Duration,
    /// A call that takes longer counts as failed, whatever came of it.
    pub slow_after: Duration,
    /// While it is half-open, so many calls are let through at once, and so many must succeed to close it. At least
    /// one.
    pub probes: usize,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            judged_calls: 8,
            failure_share: 0.5,
            open_for: Duration::from_secs(1),
            slow_after: Duration::from_secs(5),
            probes: 1,
        }
    }
}

impl BreakerConfig {
    pub(crate) fn open_for_jittered(&self) -> Duration {
        self.open_for.mul_f64(0.8 + 0.4 * fastrand::f64())
    }
}
