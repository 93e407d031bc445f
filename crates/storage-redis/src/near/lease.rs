//! For how long this process may answer from its own memory.
//!
//! It hears of changes over one connection, on which it also asks for a sign of life. Redis answers in order, so an answer
//! says that every change was heard that was told before the question. From the question on the process may go by what
//! it holds for [`LEASE`]; whoever changes a product and has not been told within that time that this process has
//! heard of it, knows that it asks Redis again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long an answer is good for. It bounds how long a change waits for a process that has ended or hangs.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub(super) struct Lease {
    begun: Instant,
    /// When it ends, in microseconds from the beginning.
    until: AtomicU64,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            until: AtomicU64::new(0),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.since_begun(Instant::now()) < self.until.load(Ordering::Acquire)
    }

    /// A question that was asked at `asked` has been answered, and everything was heard that was told before it.
    pub(super) fn renew(&self, asked: Instant) {
        let until = self.since_begun(asked + LEASE);
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    fn since_begun(&self, time: Instant) -> u64 {
        let span = time.saturating_duration_since(self.begun);
        u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_begins_with_the_question_and_not_with_the_answer() {
        let lease = Lease::new();
        assert!(!lease.is_held());
        let now = Instant::now();
        if let Some(long_ago) = now.checked_sub(LEASE * 2) {
            lease.renew(long_ago);
            assert!(!lease.is_held());
        }
        lease.renew(now);
        assert!(lease.is_held());
        lease.end();
        assert!(!lease.is_held());
    }
}
