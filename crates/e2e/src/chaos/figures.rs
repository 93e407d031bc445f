//! How many calls there were, how they ended, and how long they took.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{plan::Kind, windows::Target};

/// What a call counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `POST /products`
    Create,
    /// `PATCH /products/{id}`
    Patch,
    /// `PATCH /products/{id}` with `If-Match`
    PatchIfMatch,
    /// `DELETE /products/{id}`
    Delete,
    /// `GET /products/{id}`
    Get,
    /// `GET /products`
    List,
}

impl Operation {
    fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List)
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// 2xx
    Done,
    /// 3xx or 4xx
    Refused,
    /// 503
    Unavailable,
    /// Any other 5xx
    Failed,
    /// Nobody was there to take it.
    NotSent,
    /// It was sent, and nothing came back.
    NoAnswer,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Refused,
        Self::Unavailable,
        Self::Failed,
        Self::NotSent,
        Self::NoAnswer,
    ];

    /// By status.
    pub fn of_status(status: u16) -> Self {
        match status {
            503 => Self::Unavailable,
            500.. => Self::Failed,
            300.. => Self::Refused,
            _ => Self::Done,
        }
    }

    /// As the report says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "2xx",
            Self::Refused => "3xx, 4xx",
            Self::Unavailable => "503",
            Self::Failed => "other 5xx",
            Self::NotSent => "not connected",
            Self::NoAnswer => "no answer",
        }
    }
}

#[derive(Default)]
struct Counted {
    calls: BTreeMap<(Operation, Class), u64>,
    /// Seconds, by whether it was a write and whether anything was at fault; of calls that were done.
    latencies: BTreeMap<(bool, bool), Vec<f64>>,
    recoveries: BTreeMap<(Target, Kind), Vec<Option<f64>>>,
    notes: BTreeMap<&'static str, u64>,
}

/// Everything counted in a run.
#[derive(Default)]
pub struct Figures(Mutex<Counted>);

impl Figures {
    /// Counts a call.
    pub fn count(&self, operation: Operation, class: Class, took: Duration, disturbed: bool) {
        let mut counted = self.counted();
        *counted.calls.entry((operation, class)).or_default() += 1;
        if matches!(class, Class::Done | Class::Refused) {
            let latencies = counted
                .latencies
                .entry((operation.is_write(), disturbed))
                .or_default();
            latencies.push(took.as_secs_f64());
        }
    }

    /// Counts a fault, with the seconds until the system was well; none where another fault overlapped.
    pub fn recovered(&self, target: Target, kind: Kind, seconds: Option<f64>) {
        let mut counted = self.counted();
        counted
            .recoveries
            .entry((target, kind))
            .or_default()
            .push(seconds);
    }

    /// Counts something worth knowing.
    pub fn note(&self, what: &'static str, times: u64) {
        *self.counted().notes.entry(what).or_default() += times;
    }

    /// Every operation that was called, with the number of calls of each class.
    pub fn calls(&self) -> BTreeMap<(Operation, Class), u64> {
        self.counted().calls.clone()
    }

    /// All calls, and those that were answered 5xx.
    pub fn totals(&self) -> (u64, u64) {
        let counted = self.counted();
        let faults = |class| matches!(class, Class::Unavailable | Class::Failed);
        let failed = counted.calls.iter().filter(|((_, class), _)| faults(*class));
        (counted.calls.values().sum(), failed.map(|(_, calls)| calls).sum())
    }

    /// Faults so far.
    pub fn fault_count(&self) -> usize {
        self.counted().recoveries.values().map(Vec::len).sum()
    }

    /// The recoveries after each kind of fault.
    pub fn recoveries(&self) -> BTreeMap<(Target, Kind), Vec<Option<f64>>> {
        self.counted().recoveries.clone()
    }

    /// What else was counted.
    pub fn notes(&self) -> BTreeMap<&'static str, u64> {
        self.counted().notes.clone()
    }

    /// Number, median, 99th percentile and maximum of the seconds that calls took.
    pub fn latency(&self, is_write: bool, disturbed: bool) -> (usize, f64, f64, f64) {
        let counted = self.counted();
        let mut sorted = counted
            .latencies
            .get(&(is_write, disturbed))
            .cloned()
            .unwrap_or_default();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        (sorted.len(), at(0.5), at(0.99), at(1.0))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value below which that share of sorted values lies; 0 of none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * share).round() as usize)
        .copied()
        .unwrap_or_default()
}
