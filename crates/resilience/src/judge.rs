//! Judges the calls that are made while a breaker is closed.

use std::{
    future::{pending, ready},
    time::Duration,
};

use futures_util::FutureExt as _;
use recloser::{AsyncRecloser, Error, Recloser};

use crate::config::BreakerConfig;

/// The library never closes again by itself: when calls go through is decided in [`crate::phase`], and a judge is
/// used until it has said that it is enough.
const FOR_GOOD: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Debug)]
pub(crate) struct Judge(AsyncRecloser);

impl Judge {
    pub(crate) fn new(config: &BreakerConfig) -> Self {
        let recloser = Recloser::custom()
            .error_rate(config.failure_share)
            .closed_len(config.judged_calls.max(1))
            .open_wait(FOR_GOOD)
            .build();
        Self(AsyncRecloser::from(recloser))
    }

    /// Counts a call that has ended. True where that was one failure too many.
    pub(crate) fn condemns(&self, failed: bool) -> bool {
        let _counted = self
            .0
            .call(ready(if failed { Err(()) } else { Ok(()) }))
            .now_or_never();
        // One that never ends asks whether it would be let through, and counts for nothing.
        let next = self.0.call(pending::<Result<(), ()>>()).now_or_never();
        matches!(next, Some(Err(Error::Rejected)))
    }
}
