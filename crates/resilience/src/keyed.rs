//! Breakers for parts that nobody can list beforehand, such as the hosts of strangers' pictures.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
};

use crate::{breaker::Breaker, config::BreakerConfig, phase::State, report::Reporter};

/// A breaker for each key, of which only so many are kept.
///
/// The log names keys; the gauge `circuit_breaker_open_keys` by `part` counts those that are not closed.
#[derive(Debug)]
pub struct KeyedBreakers {
    part: Arc<str>,
    config: BreakerConfig,
    capacity: usize,
    not_closed: Arc<AtomicUsize>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    breakers: HashMap<Arc<str>, (Breaker, u64)>,
    /// Grows with every use.
    clock: u64,
}

impl KeyedBreakers {
    /// Keeps at most `capacity` breakers, at least one.
    pub fn new(part: impl Into<Arc<str>>, config: BreakerConfig, capacity: usize) -> Self {
        Self {
            part: part.into(),
            config,
            capacity: capacity.max(1),
            not_closed: Arc::default(),
            kept: Mutex::default(),
        }
    }

    /// The breaker of a key, closed where it was not known. Beyond the capacity the one that was not used for the
    /// longest time is forgotten, of those that are closed where there is one: many new keys shall not free a bad one.
    pub fn get(&self, key: &str) -> Breaker {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let clock = kept.clock;
        if let Some((breaker, used)) = kept.breakers.get_mut(key) {
            *used = clock;
            return breaker.clone();
        }
        if kept.breakers.len() >= self.capacity {
            let forgotten = kept
                .breakers
                .iter()
                .min_by_key(|(_, (breaker, used))| (breaker.state() != State::Closed, *used))
                .map(|(key, _)| Arc::clone(key));
            if let Some(forgotten) = forgotten {
                kept.breakers.remove(&forgotten);
            }
        }
        let key: Arc<str> = key.into();
        let reporter = Reporter::Key {
            part: Arc::clone(&self.part),
            key: Arc::clone(&key),
            not_closed: Arc::clone(&self.not_closed),
        };
        let breaker = Breaker::with_reporter(reporter, self.config.clone());
        kept.breakers.insert(key, (breaker.clone(), clock));
        breaker
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    async fn open(breakers: &KeyedBreakers, key: &str) {
        while breakers.get(key).state() != State::Open {
            let _failed = breakers
                .get(key)
                .call(|()| true, async { Err::<(), ()>(()) })
                .await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_key_says_nothing_about_another() {
        let breakers = KeyedBreakers::new("hosts", BreakerConfig::default(), 8);
        open(&breakers, "bad").await;
        assert_eq!(breakers.get("good").state(), State::Closed);
        assert_eq!(breakers.get("bad").state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_key_is_not_freed_by_many_new_ones() {
        let breakers = KeyedBreakers::new("hosts", BreakerConfig::default(), 8);
        open(&breakers, "bad").await;
        for number in 0..1_000 {
            breakers.get(&number.to_string());
        }
        assert_eq!(breakers.kept.lock().unwrap().breakers.len(), 8);
        assert_eq!(breakers.get("bad").state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_no_longer_counted_as_open() {
        let breakers = KeyedBreakers::new("hosts", BreakerConfig::default(), 2);
        for key in ["one", "two", "three"] {
            open(&breakers, key).await;
        }
        assert_eq!(breakers.not_closed.load(Ordering::Relaxed), 2);
    }
}
