//! A breaker: lets calls to a part through while it works, and a few while it does not.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::{
    config::BreakerConfig,
    phase::{End, Machine, Pass, State},
    report::Reporter,
};

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// It was not made: the part has failed too often of late.
    #[error("it failed too often and is left alone for another {} ms", retry_after.as_millis())]
    Open {
        /// When it is worth a try again; a guess while others are trying.
        retry_after: Duration,
    },
    /// It was made and failed.
    #[error(transparent)]
    Failed(E),
}

/// Lets calls to one part through while it works; after too many failures, none for a moment, and then a few that find
/// out whether it is back. Clones are the same breaker.
///
/// Every change is told in the log, in the gauge `circuit_breaker_state` (0 closed, 1 half-open, 2 open), and what was
/// not let through in the counter `circuit_breaker_rejected_total`, both by `part`.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Inner>);

struct Inner {
    machine: Mutex<Machine>,
    reporter: Reporter,
    /// Wakes those who wait for a change.
    changed: Notify,
}

impl Breaker {
    /// A closed breaker for the part of this name.
    pub fn new(part: impl Into<Arc<str>>, config: BreakerConfig) -> Self {
        Self::with_reporter(Reporter::Part(part.into()), config)
    }

    pub(crate) fn with_reporter(reporter: Reporter, config: BreakerConfig) -> Self {
        reporter.born();
        Self(Arc::new(Inner {
            machine: Mutex::new(Machine::new(config)),
            reporter,
            changed: Notify::new(),
        }))
    }

    /// Makes the call, or none while the part is left alone.
    ///
    /// `is_outage` tells failures of the part from refusals, which are good answers here. A call that takes longer
    /// than `slow_after` counts as failed whatever came of it. One that is dropped before its end counts as failed if
    /// it took longer than that, else not at all.
    ///
    /// # Errors
    /// [`CallError::Open`] where it was not made, else what the call says.
    pub async fn call<T, E>(
        &self,
        is_outage: impl Fn(&E) -> bool,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let permit = match self.admit() {
            Ok(permit) => permit,
            Err(CallError::Open { retry_after }) => return Err(CallError::Open { retry_after }),
            Err(CallError::Failed(never)) => match never {},
        };
        let outcome = call.await;
        permit.end(outcome.as_ref().err().is_some_and(is_outage));
        outcome.map_err(CallError::Failed)
    }

    /// Leave for a call that is no single future; [`Self::call`] is made of it.
    ///
    /// # Errors
    /// [`CallError::Open`] while the part is left alone.
    pub fn admit(&self) -> Result<Permit, CallError<Infallible>> {
        match self.0.change(Machine::admit) {
            Some(pass) => Ok(Permit::begin(&self.0, Some(pass))),
            None => {
                self.0.reporter.rejected();
                Err(CallError::Open {
                    retry_after: self.retry_after(),
                })
            }
        }
    }

    /// Makes the call whatever the state, as a health check does: its success closes the breaker, and its failure
    /// opens none that is half-open.
    ///
    /// # Errors
    /// What the call says.
    pub async fn look<T, E>(
        &self,
        is_outage: impl Fn(&E) -> bool,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let permit = Permit::begin(&self.0, None);
        let outcome = call.await;
        permit.end(outcome.as_ref().err().is_some_and(is_outage));
        outcome
    }

    /// What it does now. It stays open until a call is let through again.
    pub fn state(&self) -> State {
        self.0.lock().state()
    }

    /// Returns when a call would be let through. Many may wait; when they wake, the first few are let through.
    pub async fn usable(&self) {
        loop {
            let changed = self.0.changed.notified();
            let wait = self.0.lock().wait(Instant::now());
            match wait {
                Some(Duration::ZERO) => return,
                // A look may close it before the time.
                Some(wait) => drop(timeout(wait, changed).await),
                None => changed.await,
            }
        }
    }

    fn retry_after(&self) -> Duration {
        let machine = self.0.lock();
        machine
            .wait(Instant::now())
            .filter(|wait| !wait.is_zero())
            .unwrap_or(machine.config().open_for)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Breaker")
            .field("state", &self.lock().state())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the machine, and tells what that changed.
    fn change<T>(&self, act: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let mut machine = self.lock();
        let from = machine.state();
        let result = act(&mut machine, Instant::now());
        let to = machine.state();
        if from != to {
            // Under the lock, so that changes are told in their order.
            self.reporter.changed(from, to);
        }
        drop(machine);
        result
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let last = self.lock().state();
        self.reporter.gone(last);
    }
}

/// Leave for one call, from [`Breaker::admit`]. Dropped without an end, the call has lost its caller: it counts as
/// failed if it took longer than `slow_after`, else not at all.
#[derive(Debug)]
pub struct Permit {
    inner: Arc<Inner>,
    /// None for a look.
    pass: Option<Pass>,
    since: Instant,
    ended: bool,
}

impl Permit {
    fn begin(inner: &Arc<Inner>, pass: Option<Pass>) -> Self {
        Self {
            inner: Arc::clone(inner),
            pass,
            since: Instant::now(),
            ended: false,
        }
    }

    /// Measures from now on: what went before was a wait for something else.
    pub fn restart(&mut self) {
        self.since = Instant::now();
    }

    /// The call has ended. It counts as failed if it took longer than `slow_after`, too.
    pub fn end(mut self, failed: bool) {
        self.ended = true;
        self.settle(if failed { End::Bad } else { End::Good });
    }

    /// The call has ended, and says nothing about the part.
    pub fn forget(mut self) {
        self.restart();
    }

    fn settle(&self, end: End) {
        self.inner.change(|machine, now| {
            let slow = now.saturating_duration_since(self.since) > machine.config().slow_after;
            let end = if slow { End::Bad } else { end };
            match self.pass {
                Some(pass) => machine.settle(pass, end, now),
                None => machine.look(end, now),
            }
        });
        self.inner.changed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.ended {
            self.settle(End::Unknown);
        }
    }
}
