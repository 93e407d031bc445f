//! What must hold, how often it was looked at, and what was seen where it did not.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// How many cases are kept word for word, of each promise.
const CASES_MAX: usize = 40;

/// A promise of the whole system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// What was answered 2xx is there, as it was answered or as it was changed later.
    NothingLost,
    /// One key, one product, one answer.
    OneProductPerKey,
    /// Every picture ends, `ready` where its source was good, else `failed` with the reason that is true.
    PicturesEnd,
    /// Nothing is left in queues or outbox.
    NothingWaits,
    /// The bucket holds what the rows name, and nothing else.
    ObjectsMatch,
    /// A read that begins after an acknowledged write shows it.
    ReadsAreFresh,
    /// No cached entry is older than its row.
    CacheIsFresh,
    /// What one client sees only grows.
    VersionsGrow,
    /// A version has one content, whoever shows it.
    VersionsAreOne,
    /// Only what always fails becomes a dead letter.
    DeadLettersExplained,
    /// Calls fail only while PostgreSQL or an api is at fault, and then say when to come back.
    CallsAnswered,
    /// The system recovers by itself, and soon.
    Recovers,
    /// Told to end, a process ends in time with success; none ends by itself without a fault.
    ProcessesLive,
    /// Memory, files and connections stay within bounds.
    ResourcesBounded,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NothingLost,
        Self::OneProductPerKey,
        Self::PicturesEnd,
        Self::NothingWaits,
        Self::ObjectsMatch,
        Self::ReadsAreFresh,
        Self::CacheIsFresh,
        Self::VersionsGrow,
        Self::VersionsAreOne,
        Self::DeadLettersExplained,
        Self::CallsAnswered,
        Self::Recovers,
        Self::ProcessesLive,
        Self::ResourcesBounded,
    ];

    /// As the report says it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NothingLost => "What was acknowledged is there, and no acknowledged write is undone",
            Self::OneProductPerKey => "One product for each Idempotency-Key",
            Self::PicturesEnd => "Every picture ends as its source deserves",
            Self::NothingWaits => "Queues and outbox are empty in the end",
            Self::ObjectsMatch => "The bucket holds what the rows name, and nothing else",
            Self::ReadsAreFresh => "A read after an acknowledged write shows it",
            Self::CacheIsFresh => "No cached entry is older than its row",
            Self::VersionsGrow => "The versions that one client sees only grow",
            Self::VersionsAreOne => "A version has one content and one author",
            Self::DeadLettersExplained => "Each dead letter has a source that always fails",
            Self::CallsAnswered => "Calls fail only while PostgreSQL or an api is at fault, with Retry-After",
            Self::Recovers => "The system recovers by itself",
            Self::ProcessesLive => "Processes end when told to, and only then",
            Self::ResourcesBounded => "Memory, files and connections stay within bounds",
        }
    }
}

#[derive(Default)]
struct Found {
    checked: u64,
    broken: u64,
    cases: Vec<String>,
}

/// What was found, promise by promise.
pub struct Evidence {
    begun: Instant,
    found: Mutex<BTreeMap<Promise, Found>>,
}

/// One promise and what became of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which.
    pub promise: Promise,
    /// How often it was looked at.
    pub checked: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// The first cases.
    pub cases: Vec<String>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            found: Mutex::default(),
        }
    }
}

impl Evidence {
    /// Notes one look; `case` tells what was seen where the promise did not hold.
    pub fn check(&self, promise: Promise, holds: bool, case: impl FnOnce() -> String) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.entry(promise).or_default();
        found.checked += 1;
        if holds {
            return;
        }
        found.broken += 1;
        if found.cases.len() < CASES_MAX {
            let at = self.begun.elapsed().as_secs_f64();
            let case = format!("at {at:.1} s: {}", case());
            if found.cases.len() < 3 {
                super::report::say(&format!("  BROKEN {}: {case}", promise.sentence()));
            }
            found.cases.push(case);
        }
    }

    /// Notes what did not hold.
    pub fn broken(&self, promise: Promise, case: impl FnOnce() -> String) {
        self.check(promise, false, case);
    }

    /// How often any promise has been broken so far.
    pub fn count_broken(&self) -> u64 {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.values().map(|found| found.broken).sum()
    }

    /// What became of each promise.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = |promise| {
            let found = found.get(&promise);
            Verdict {
                promise,
                checked: found.map_or(0, |found| found.checked),
                broken: found.map_or(0, |found| found.broken),
                cases: found.map(|found| found.cases.clone()).unwrap_or_default(),
            }
        };
        Promise::ALL.map(verdict).to_vec()
    }
}
