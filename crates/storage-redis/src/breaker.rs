//! Lets calls through to Redis while it answers, and only a few while it does not.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use recloser::{AsyncRecloser, Recloser};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Calls by which Redis is judged. Half of them failing opens the breaker.
const JUDGED_CALLS: usize = 8;
/// How long no call is made once it has opened.
const OPEN_WAIT: Duration = Duration::from_secs(1);

/// A breaker that says in the log when its mind changes, and only then.
pub(crate) struct Breaker {
    recloser: AsyncRecloser,
    /// Set from the moment the breaker was seen open until a call succeeds.
    away: AtomicBool,
    /// While Redis is away one call at a time finds out whether it is back; the library's own half-open state would
    /// let all of them wait.
    probe: Semaphore,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        let recloser = Recloser::custom()
            .error_rate(0.5)
            .closed_len(JUDGED_CALLS)
            .half_open_len(1)
            .open_wait(OPEN_WAIT)
            .build();
        Self {
            recloser: AsyncRecloser::from(recloser),
            away: AtomicBool::new(false),
            probe: Semaphore::new(1),
        }
    }

    /// Makes the call, or none while Redis is away.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let _probe = if self.away.load(Ordering::Relaxed) {
            Some(self.probe.try_acquire().ok()?)
        } else {
            None
        };
        match self.recloser.call(call).await {
            Ok(value) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis answers again; the cache is in use");
                }
                Some(value)
            }
            Err(recloser::Error::Inner(error)) => {
                tracing::debug!(%error, "a call to Redis failed");
                None
            }
            Err(recloser::Error::Rejected) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!("Redis does not answer; products are read from PostgreSQL until it does");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    async fn fail(calls: &AtomicUsize) -> Result<(), Error> {
        calls.fetch_add(1, Ordering::Relaxed);
        Err(Error::unavailable(&"away"))
    }

    #[tokio::test]
    async fn after_a_few_failures_no_call_is_made() {
        let breaker = Breaker::new();
        let calls = AtomicUsize::new(0);
        for _ in 0..100 {
            assert_eq!(breaker.call(fail(&calls)).await, None);
        }
        assert!(calls.load(Ordering::Relaxed) <= JUDGED_CALLS + 1, "{calls:?}");
    }

    #[tokio::test]
    async fn a_single_failure_changes_nothing() {
        let breaker = Breaker::new();
        let calls = AtomicUsize::new(0);
        for _ in 0..20 {
            assert_eq!(breaker.call(async { Ok(()) }).await, Some(()));
        }
        breaker.call(fail(&calls)).await;
        assert_eq!(breaker.call(async { Ok(()) }).await, Some(()));
    }
}
