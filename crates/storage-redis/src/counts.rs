//! How often each layer of the cache has answered.

use std::sync::OnceLock;

use metrics::{Counter, counter};

const LOOKUPS: &str = "cache_lookups_total";

/// The counters, found once: looking them up each time would cost a good part of an answer from memory.
#[derive(Default)]
pub(crate) struct Counts(OnceLock<Counters>);

struct Counters {
    bypassed: Counter,
    near_hit: Counter,
    near_renewed: Counter,
    near_miss: Counter,
    near_bypassed: Counter,
    shared_hit: Counter,
    shared_miss: Counter,
    shared_unavailable: Counter,
    fill_refused: Counter,
    unheard: Counter,
}

impl Counters {
    fn find() -> Self {
        let of = |layer, outcome| counter!(LOOKUPS, "layer" => layer, "outcome" => outcome);
        Self {
            bypassed: of("all", "bypassed"),
            near_hit: of("process", "hit"),
            near_renewed: of("process", "renewed"),
            near_miss: of("process", "miss"),
            near_bypassed: of("process", "bypassed"),
            shared_hit: of("redis", "hit"),
            shared_miss: of("redis", "miss"),
            shared_unavailable: of("redis", "unavailable"),
            fill_refused: counter!("cache_fills_refused_total"),
            unheard: counter!("cache_invalidations_unheard_total"),
        }
    }
}

impl Counts {
    /// By the time of the first lookup there is somebody to count for.
    fn all(&self) -> &Counters {
        self.0.get_or_init(Counters::find)
    }

    /// The cache may not be believed for the moment.
    pub(crate) fn bypassed(&self) {
        self.all().bypassed.increment(1);
    }

    pub(crate) fn near_hit(&self, renew: bool) {
        self.all().near_hit.increment(1);
        if renew {
            self.all().near_renewed.increment(1);
        }
    }

    pub(crate) fn near_miss(&self) {
        self.all().near_miss.increment(1);
    }

    /// The process's own memory may not be believed for the moment.
    pub(crate) fn near_bypassed(&self) {
        self.all().near_bypassed.increment(1);
    }

    pub(crate) fn shared_hit(&self) {
        self.all().shared_hit.increment(1);
    }

    pub(crate) fn shared_miss(&self) {
        self.all().shared_miss.increment(1);
    }

    pub(crate) fn shared_unavailable(&self) {
        self.all().shared_unavailable.increment(1);
    }

    pub(crate) fn fill_refused(&self) {
        self.all().fill_refused.increment(1);
    }

    /// A change has waited as long as a lease lasts for a process that said nothing.
    pub(crate) fn unheard(&self) {
        self.all().unheard.increment(1);
    }
}
