//! How many requests are under way, and that there are never too many: what waits in a line that only grows is answered
//! too late for everybody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// How often a flood is told of.
const TELLING: Duration = Duration::from_secs(1);

const REFUSED: &str = "http_requests_refused_total";

/// Counts the requests of all threads of one server.
#[derive(Clone, Debug)]
pub struct InFlight {
    free: Arc<Semaphore>,
    limit: usize,
    refusals: Arc<Mutex<Refusals>>,
}

#[derive(Debug, Default)]
struct Refusals {
    untold: u64,
    told_at: Option<Instant>,
}

impl InFlight {
    /// Lets `limit` requests in at a time.
    pub fn new(limit: usize) -> Self {
        metrics::counter!(REFUSED).increment(0);
        Self {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            refusals: Arc::default(),
        }
    }

    /// How many are under way.
    pub fn count(&self) -> usize {
        self.limit.saturating_sub(self.free.available_permits())
    }

    /// Lets a request in until the permit is dropped, or says at once how it is refused. Refusals are counted, and told
    /// of together.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            self.refuse();
            Problem::busy("The service has more requests than it can answer.")
        })
    }

    fn refuse(&self) {
        metrics::counter!(REFUSED).increment(1);
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.untold += 1;
        if refusals
            .told_at
            .is_none_or(|told_at| told_at.elapsed() >= TELLING)
        {
            let refused = std::mem::take(&mut refusals.untold);
            refusals.told_at = Some(Instant::now());
            drop(refusals);
            tracing::warn!(
                refused,
                limit = self.limit,
                "more requests at once than server.max_in_flight; some are refused"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_limit_are_let_in_and_a_place_is_free_again_once_left() {
        let in_flight = InFlight::new(2);
        let first = in_flight.enter().unwrap();
        let _second = in_flight.enter().unwrap();
        assert_eq!(in_flight.count(), 2);
        assert!(in_flight.enter().is_err());
        drop(first);
        assert_eq!(in_flight.count(), 1);
        assert!(in_flight.enter().is_ok());
    }
}
