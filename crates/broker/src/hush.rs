//! Keeps an event that comes in floods from filling the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long events of a kind are kept quiet after one was told.
const QUIET: Duration = Duration::from_secs(10);

/// Tells the first event of a kind aloud, and then at most one in ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Hush(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    kept_quiet: u64,
}

impl Hush {
    /// For an event that is to be told: how many were kept quiet since the one before. None for one to be kept quiet.
    pub(crate) fn tell(&self) -> Option<u64> {
        self.tell_at(Instant::now())
    }

    fn tell_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < QUIET)
        {
            state.kept_quiet = state.kept_quiet.saturating_add(1);
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.kept_quiet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_in_a_while_and_counted() {
        let hush = Hush::default();
        let begun = Instant::now();
        assert_eq!(hush.tell_at(begun), Some(0));
        for second in 1..10 {
            assert_eq!(hush.tell_at(begun + Duration::from_secs(second)), None);
        }
        assert_eq!(hush.tell_at(begun + QUIET), Some(9));
        assert_eq!(hush.tell_at(begun + QUIET), None);
    }
}
