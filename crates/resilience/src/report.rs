//! What operators see of a breaker: an event for each change, and metrics.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::phase::State;

const STATE: &str = "circuit_breaker_state";
const REJECTED: &str = "circuit_breaker_rejected_total";
const OPEN_KEYS: &str = "circuit_breaker_open_keys";

/// Where the changes of one breaker are told.
#[derive(Debug)]
pub(crate) enum Reporter {
    /// A breaker of its own, by the name of its part.
    Part(Arc<str>),
    /// One of many; keys are unbounded in number, so that only the log names them.
    Key {
        part: Arc<str>,
        key: Arc<str>,
        /// How many of them are not closed.
        not_closed: Arc<AtomicUsize>,
    },
}

impl Reporter {
    /// A breaker has come about, closed.
    pub(crate) fn born(&self) {
        if let Self::Part(part) = self {
            metrics::gauge!(STATE, "part" => Arc::clone(part)).set(level(State::Closed));
            metrics::counter!(REJECTED, "part" => Arc::clone(part)).increment(0);
        }
    }

    pub(crate) fn changed(&self, from: State, to: State) {
        let (part, key) = match self {
            Self::Part(part) => {
                metrics::gauge!(STATE, "part" => Arc::clone(part)).set(level(to));
                (part, None)
            }
            Self::Key {
                part,
                key,
                not_closed,
            } => {
                match (from, to) {
                    (State::Closed, _) => count(part, not_closed.fetch_add(1, Ordering::Relaxed) + 1),
                    (_, State::Closed) => count(part, not_closed.fetch_sub(1, Ordering::Relaxed) - 1),
                    _ => {}
                }
                (part, Some(tracing::field::display(key)))
            }
        };
        let state = to.as_str();
        match to {
            // Each probe that fails opens it again, once a second for as long as an outage lasts.
            State::Open if from == State::HalfOpen => {
                tracing::debug!(%part, key, state, "a part is still away");
            }
            State::Open => tracing::warn!(%part, key, state, "a part fails; it is left alone for a moment"),
            State::HalfOpen => tracing::debug!(%part, key, state, "a part is tried again"),
            State::Closed => tracing::info!(%part, key, state, "a part works again"),
        }
    }

    pub(crate) fn rejected(&self) {
        let (Self::Part(part) | Self::Key { part, .. }) = self;
        metrics::counter!(REJECTED, "part" => Arc::clone(part)).increment(1);
    }

    /// A breaker is forgotten.
    pub(crate) fn gone(&self, last: State) {
        if let (Self::Key { part, not_closed, .. }, true) = (self, last != State::Closed) {
            count(part, not_closed.fetch_sub(1, Ordering::Relaxed) - 1);
        }
    }
}

fn count(part: &Arc<str>, not_closed: usize) {
    // More than any number of keys is exact in a double.
    metrics::gauge!(OPEN_KEYS, "part" => Arc::clone(part)).set(not_closed as f64);
}

const fn level(state: State) -> f64 {
    match state {
        State::Closed => 0.0,
        State::HalfOpen => 1.0,
        State::Open => 2.0,
    }
}
