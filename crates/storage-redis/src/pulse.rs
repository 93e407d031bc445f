//! Whether this process stood still, as one does that is frozen and thawed.
//!
//! What others said meanwhile is still to be heard, and a reader may be quicker to be served than it.

use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// From one beat to the next.
const BEAT: Duration = Duration::from_millis(100);
/// A process that beats later than this stood still. It is far more than a busy one misses.
const STANDSTILL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    /// The last beat, in milliseconds from the beginning.
    last: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// True from the moment at which the process goes on until its next beat.
    pub(crate) fn stood_still(&self) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Acquire));
        self.begun.elapsed().saturating_sub(last) > STANDSTILL
    }

    fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Release);
    }
}

/// Beats for as long as there is an owner, and calls `woke` before the first beat after a standstill.
pub(crate) async fn beat<T>(owner: Weak<T>, pulse: impl Fn(&T) -> &Pulse, woke: impl Fn(&T)) {
    while let Some(owner) = owner.upgrade() {
        let pulse = pulse(&owner);
        if pulse.stood_still() {
            woke(&owner);
        }
        pulse.beat();
        drop(owner);
        sleep(BEAT).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, atomic::AtomicBool},
        thread,
    };

    use super::*;

    struct Owner {
        pulse: Pulse,
        woke: AtomicBool,
    }

    #[tokio::test]
    async fn a_standstill_is_told_of_before_it_is_over() {
        let owner = Arc::new(Owner {
            pulse: Pulse::new(),
            woke: AtomicBool::new(false),
        });
        let woke = |owner: &Owner| {
            assert!(owner.pulse.stood_still());
            owner.woke.store(true, Ordering::Release);
        };
        tokio::spawn(beat(Arc::downgrade(&owner), |owner: &Owner| &owner.pulse, woke));
        tokio::task::yield_now().await;
        assert!(!owner.pulse.stood_still());
        // The one thread of the runtime stands still, and with it the beat.
        thread::sleep(STANDSTILL + BEAT);
        assert!(owner.pulse.stood_still() && !owner.woke.load(Ordering::Acquire));
        sleep(BEAT * 2).await;
        assert!(owner.woke.load(Ordering::Acquire) && !owner.pulse.stood_still());
    }
}
