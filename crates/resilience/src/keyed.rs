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
