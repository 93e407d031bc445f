//! What is known of the hosts that sources lie on: one that does not answer is left alone for a while.
//!
//! A shop's pictures often lie on one host. Once that is away, its pictures shall neither knock at it over and over nor
//! keep the places of the worker for as long as its silence lasts.

use std::{sync::Arc, time::Duration};

use resilience::{Breaker, BreakerConfig, CallError, KeyedBreakers, State};
use tokio::time::timeout;
use url::Url;

use super::{
    fetcher::{FetchLimits, host_and_port},
    verdict::{self, Missed},
};
use crate::failure::Failure;

/// Hosts that are remembered.
const HOSTS_MAX: usize = 512;
/// Requests that are judged. A single bad picture on its way down the retry ladder is not enough.
const JUDGED_REQUESTS: usize = 10;
/// How many of them must fail. A host that still serves some pictures is not left alone: each that is refused here
/// loses one of its attempts.
const FAILURE_SHARE: f32 = 0.9;
/// How long a host is left alone: less than the first step of the retry ladder is by default.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(5);
/// Requests at once that find out whether it is back.
const PROBES: usize = 2;

/// A breaker for each host and port.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    breakers: Arc<KeyedBreakers>,
    /// How long a request waits for others to find out.
    patience: Duration,
}

impl Hosts {
    pub(super) fn new(limits: &FetchLimits) -> Self {
        let config = BreakerConfig {
            judged_calls: JUDGED_REQUESTS,
            failure_share: FAILURE_SHARE,
            open_for: LEFT_ALONE_FOR,
            // A long download speaks of the picture, not of its host.
            slow_after: limits.total_timeout,
            probes: PROBES,
        };
        Self {
            breakers: Arc::new(KeyedBreakers::new("image hosts", config, HOSTS_MAX)),
            patience: limits.connect_timeout,
        }
    }

    /// Makes a request to the host of `url`, or none while that is left alone.
    ///
    /// # Errors
    /// What the request says, or a passing `download_failed` where it was not made.
    pub(super) async fn call<T>(
        &self,
        url: &Url,
        request: impl Future<Output = Result<T, Missed>>,
    ) -> Result<T, Failure> {
        let breaker = self.breakers.get(&host_and_port(url));
        self.until_known(&breaker).await;
        breaker
            .call(|missed: &Missed| missed.host_is_away, request)
            .await
            .map_err(|error| match error {
                CallError::Open { .. } => verdict::host_is_away(),
                CallError::Failed(missed) => missed.failure,
            })
    }

    /// While others find out whether a host is back, their verdict is waited for: that costs less than an attempt.
    async fn until_known(&self, breaker: &Breaker) {
        if breaker.state() == State::HalfOpen {
            // Whatever is known by then decides.
            let _known = timeout(self.patience, breaker.usable()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use domain::ImageErrorCode::DownloadFailed;
    use tokio::sync::oneshot;

    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(&FetchLimits {
            max_bytes: 1,
            max_stored_bytes: 1,
            max_redirects: 1,
            connect_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(60),
            per_host: 1,
        })
    }

    fn missed() -> Result<(), Missed> {
        Err(Missed {
            failure: Failure::passing(DownloadFailed, "the source could not be connected to"),
            host_is_away: true,
        })
    }

    async fn fails_without_request(hosts: &Hosts, url: &Url) -> bool {
        let mut made = false;
        let outcome = hosts
            .call(url, async {
                made = true;
                missed()
            })
            .await;
        assert!(outcome.is_err_and(|failure| failure.is_passing));
        !made
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_comes_back_is_not_refused_to_those_who_come_meanwhile() {
        let (hosts, url) = (hosts(), Url::parse("https://example.com/a.jpg").unwrap());
        let mut requests = 0;
        while !fails_without_request(&hosts, &url).await {
            requests += 1;
            assert!(requests < 100, "the host is never left alone");
        }
        tokio::time::advance(LEFT_ALONE_FOR * 2).await;

        let mut probes = Vec::new();
        let mut answers = Vec::new();
        for _ in 0..PROBES {
            let (answer, answered) = oneshot::channel::<()>();
            let (hosts, url) = (hosts.clone(), url.clone());
            answers.push(answer);
            probes.push(tokio::spawn(async move {
                let request = async { answered.await.map_err(|_| missed().unwrap_err()) };
                hosts.call(&url, request).await
            }));
            tokio::task::yield_now().await;
        }
        let late = tokio::spawn(async move { hosts.call(&url, ready(Ok(()))).await });
        tokio::task::yield_now().await;
        for answer in answers {
            answer.send(()).unwrap();
        }
        for probe in probes {
            probe.await.unwrap().unwrap();
        }
        late.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_picture_that_fails_down_the_whole_ladder_does_not_speak_for_its_host() {
        let (hosts, url) = (hosts(), Url::parse("https://example.com/a.jpg").unwrap());
        for _attempt in 0..4 {
            assert!(!fails_without_request(&hosts, &url).await);
        }
        hosts.call(&url, ready(Ok(()))).await.unwrap();
    }
}
