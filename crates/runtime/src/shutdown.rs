//! The orderly end of a process.
//!
//! The first SIGTERM or SIGINT asks every task to finish within the grace period. The second ends the process
//! on the spot: nothing is lost by that, since whatever was under way is still in a queue or a transaction.

use std::future::Future;
use std::io;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Tells tasks that the process is to end, and how long they have. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    token: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
    grace: Duration,
}

impl Shutdown {
    /// A shutdown that only [`Self::begin`] begins.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self {
            token: CancellationToken::new(),
            deadline: Arc::default(),
            grace,
        }
    }

    /// A shutdown that SIGTERM or SIGINT begins. Must be called within a tokio runtime.
    ///
    /// A second signal ends the process at once, with the exit code that shells give to its kind: 143 or 130.
    pub fn listen(grace: Duration) -> io::Result<Self> {
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let shutdown = Self::new(grace);
        let begun = shutdown.clone();
        tokio::spawn(async move {
            let (name, _) = signals.next().await;
            tracing::info!(signal = name, grace = ?grace, "shutting down");
            begun.begin();
            let (name, exit_code) = signals.next().await;
            tracing::warn!(signal = name, "ending at once");
            process::exit(exit_code);
        });
        Ok(shutdown)
    }

    /// Begins it; a second time changes nothing.
    pub fn begin(&self) {
        self.deadline.get_or_init(|| Instant::now() + self.grace);
        self.token.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it begins.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// A token that is cancelled when it begins, for code that takes one.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Waits until it has begun and the grace period is over.
    pub async fn overdue(&self) {
        self.token.cancelled().await;
        if let Some(deadline) = self.deadline.get() {
            tokio::time::sleep_until(*deadline).await;
        }
    }

    /// Runs `work` to its end, or gives up (`None`) once the grace period is over.
    pub async fn within_grace<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = work => Some(output),
            () = self.overdue() => None,
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// The next signal: its name, and the exit code of a process that it ended.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", 143),
            _ = self.interrupt.recv() => ("SIGINT", 130),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_clone_learns_of_the_end() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        let (clone, token) = (shutdown.clone(), shutdown.token());
        assert!(!clone.has_begun());
        shutdown.begin();
        clone.begun().await;
        assert!(clone.has_begun() && token.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_time_keeps_its_result() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        shutdown.begin();
        let work = async {
            tokio::time::sleep(Duration::from_secs(29)).await;
            "done"
        };
        assert_eq!(shutdown.within_grace(work).await, Some("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_given_up_when_the_grace_period_is_over() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        let start = Instant::now();
        shutdown.begin();
        shutdown.begin();
        assert_eq!(shutdown.within_grace(pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
