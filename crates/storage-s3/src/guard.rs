//! The bounds of every call: how long, how often again, and none at all while the store is left alone.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use resilience::{Breaker, BreakerConfig, CallError, RetryBudget, State};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::error::Error;

/// Attempts beyond the first.
const RETRIES: usize = 3;
/// The part of calls that may be made again, and how many a second besides: a service that fails everything shall
/// not see four times its usual load for it.
const RETRY_SHARE: f64 = 0.2;
const RETRIES_A_SECOND: f64 = 10.0;
/// The longest that one look takes.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks while the store is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Guard {
    request_timeout: Duration,
    breaker: Breaker,
    budget: RetryBudget,
    /// When the last good look began. Held by the one who looks: the others wait for what comes of it.
    looked: Mutex<Option<Instant>>,
}

impl Guard {
    pub(crate) fn new(request_timeout: Duration) -> Self {
        let config = BreakerConfig {
            judged_calls: 10,
            // Slower than this is given up anyway.
            slow_after: request_timeout,
            ..BreakerConfig::default()
        };
        Self {
            request_timeout,
            breaker: Breaker::new("s3", config),
            budget: RetryBudget::new(RETRY_SHARE, RETRIES_A_SECOND),
            looked: Mutex::default(),
        }
    }

    /// Makes a call, and again while that may help, each time under the timeout of a request and all together
    /// under three times that.
    pub(crate) async fn attempt<T, Call, Answer>(&self, subject: &str, mut call: Call) -> Result<T, Error>
    where
        Call: FnMut() -> Answer,
        Answer: Future<Output = Result<T, Error>>,
    {
        let bound = self.request_timeout;
        self.budget.deposit();
        let once = || {
            // The library's futures are large, and would lie in every caller's.
            let answer = Box::pin(bounded(bound, call()));
            self.breaker.call(Error::is_transient, answer)
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(RETRIES)
            .with_jitter();
        let tries = once
            .retry(pauses)
            .when(|error| match error {
                CallError::Open { .. } => false,
                CallError::Failed(error) => error.is_transient() && self.budget.withdraw(),
            })
            .notify(|error, pause| {
                tracing::debug!(subject, %error, pause_ms = pause.as_millis(), "trying again");
            });
        let tries = async {
            tries.await.map_err(|error| match error {
                CallError::Open { .. } => Error::unavailable(error.to_string()),
                CallError::Failed(error) => error,
            })
        };
        bounded(bound * 3, tries).await
    }

    /// Makes a call once, even while the store is left alone; if that went well, it is not left alone any more.
    pub(crate) async fn look<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let bound = LOOK_TIMEOUT.min(self.request_timeout);
        let answer = Box::pin(bounded(bound, call));
        self.breaker.look(Error::is_transient, answer).await
    }

    /// True unless the store is left alone.
    pub(crate) fn is_usable(&self) -> bool {
        self.breaker.state() == State::Closed
    }

    /// Looks until that goes well. Of any number of callers one looks at a time.
    pub(crate) async fn usable<Look>(&self, look: impl Fn() -> Look)
    where
        Look: Future<Output = Result<(), Error>>,
    {
        let asked = Instant::now();
        loop {
            let mut looked = self.looked.lock().await;
            if looked.is_some_and(|began| began >= asked) {
                return;
            }
            let began = Instant::now();
            if look().await.is_ok() {
                *looked = Some(began);
                return;
            }
            // Nobody else looks meanwhile.
            sleep(LOOK_PAUSE).await;
        }
    }
}

async fn bounded<T>(bound: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(bound, call).await.unwrap_or_else(|_| {
        Err(Error::unavailable(format!(
            "no answer within {} ms",
            bound.as_millis()
        )))
    })
}
