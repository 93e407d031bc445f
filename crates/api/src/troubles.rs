//! Failures in a row.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// A row of failures of one loop: they are told of when they begin and end, with growing pauses between them.
pub(crate) struct Troubles {
    what: &'static str,
    longest_pause: Duration,
    backoff: Option<ExponentialBackoff>,
}

impl Troubles {
    /// None so far, of what is carried out by this loop.
    pub(crate) const fn new(what: &'static str, longest_pause: Duration) -> Self {
        Self {
            what,
            longest_pause,
            backoff: None,
        }
    }

    /// One more; how long to pause after it.
    pub(crate) fn next(&mut self, reason: &str) -> Duration {
        let what = self.what;
        let backoff = self.backoff.get_or_insert_with(|| {
            tracing::warn!(what, reason, "work is held up");
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(self.longest_pause)
                .with_jitter()
                .without_max_times()
                .build()
        });
        // The jitter comes on top of the pause, and may double it.
        backoff.next().unwrap_or_default().min(self.longest_pause)
    }

    /// It works.
    pub(crate) fn end(&mut self) {
        if self.backoff.take().is_some() {
            tracing::info!(what = self.what, "work is moving again");
        }
    }
}
