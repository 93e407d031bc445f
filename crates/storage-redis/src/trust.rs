//! Whether what Redis holds may be believed.
//!
//! Invalidations that Redis did not take wait in the outbox. Until they are carried out, Redis may hold products as
//! they were before, so that nothing is read from it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Doubts that come and go, as while another process is cut off from Redis, are told of this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// That the cache is out of use until what it missed is carried out.
#[derive(Debug)]
pub struct CatchUp(u64);

#[derive(Debug)]
pub(crate) struct Trust {
    /// How often there was reason for doubt, the start included: something may have been missed before it.
    doubts: AtomicU64,
    /// The last of them that is cleared up, with all before it.
    cleared: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    /// When a doubt was last told of.
    last: Option<Instant>,
    /// Whether it is still to be told that it is over.
    is_open: bool,
}

impl Trust {
    pub(crate) fn new() -> Self {
        Self {
            doubts: AtomicU64::new(1),
            cleared: AtomicU64::new(0),
            // That a new process begins in doubt is no news; that it is over is.
            told: Mutex::new(Told {
                last: None,
                is_open: true,
            }),
        }
    }

    pub(crate) fn catching_up(&self) -> Option<CatchUp> {
        let doubts = self.doubts.load(Ordering::Acquire);
        (self.cleared.load(Ordering::Acquire) < doubts).then_some(CatchUp(doubts))
    }

    /// Something may have been missed.
    pub(crate) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.is_open && told.last.is_none_or(|last| last.elapsed() > TOLD_EVERY) {
            told.last = Some(Instant::now());
            told.is_open = true;
            tracing::warn!(
                "Redis may hold what is out of date; products are read from PostgreSQL until it has caught up"
            );
        }
    }

    /// All that was missed up to the moment of the token is carried out.
    pub(crate) fn clear(&self, CatchUp(doubts): CatchUp) {
        let before = self.cleared.fetch_max(doubts, Ordering::AcqRel);
        if before < doubts && self.doubts.load(Ordering::Acquire) == doubts {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut told.is_open) {
                tracing::info!("Redis has caught up; the cache is in use");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_process_begins_by_catching_up() {
        let trust = Trust::new();
        let token = trust.catching_up().unwrap();
        trust.clear(token);
        assert!(trust.catching_up().is_none());
    }

    #[test]
    fn a_doubt_that_came_after_the_token_is_not_cleared_by_it() {
        let trust = Trust::new();
        let token = trust.catching_up().unwrap();
        trust.doubt();
        trust.clear(token);
        let (early, late) = (trust.catching_up().unwrap(), trust.catching_up().unwrap());
        trust.clear(late);
        trust.doubt();
        trust.clear(early);
        assert!(trust.catching_up().is_some());
    }
}
