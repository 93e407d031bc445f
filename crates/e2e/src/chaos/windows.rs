//! When which part was at fault: what a check may excuse.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use testkit::Service;

/// How long after its last sign an outage may still show in answers.
const AFTERMATH: Duration = Duration::from_secs(3);
/// How long after a part is back an answer that lags is excused.
const GRACE: Duration = Duration::from_secs(5);
/// How long it may take an api to hear from another, on a machine that is busy.
const HEARSAY: Duration = Duration::from_millis(250);

/// A part that can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One of the api processes.
    Api,
    /// One of the workers.
    Worker,
    /// PostgreSQL, or the lines to it.
    Postgres,
    /// Redis, or the lines to it.
    Redis,
    /// RabbitMQ, or the lines to it.
    RabbitMq,
    /// S3, or the lines to it.
    S3,
}

impl Target {
    /// The service that it is; none for a process of ours.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Api | Self::Worker => None,
            Self::Postgres => Some(Service::Postgres),
            Self::Redis => Some(Service::Redis),
            Self::RabbitMq => Some(Service::RabbitMq),
            Self::S3 => Some(Service::S3),
        }
    }

    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            _ => self.service().map_or("", Service::name),
        }
    }
}

#[derive(Clone, Copy)]
struct Window {
    target: Target,
    begun: Instant,
    /// The part itself is well again.
    healed: Option<Instant>,
    /// The whole system was seen to work again.
    recovered: Option<Instant>,
}

/// Every fault so far.
#[derive(Default)]
pub struct Windows(Mutex<Vec<Window>>);

impl Windows {
    /// A fault begins; its number.
    pub fn begin(&self, target: Target) -> usize {
        self.with(|all| {
            all.push(Window {
                target,
                begun: Instant::now(),
                healed: None,
                recovered: None,
            });
            all.len() - 1
        })
    }

    /// The part is well again.
    pub fn heal(&self, number: usize) {
        self.with(|all| all[number].healed = Some(Instant::now()));
    }

    /// The system was seen to work again, or another fault keeps it from that.
    pub fn recover(&self, number: usize) {
        self.with(|all| all[number].recovered = Some(Instant::now()));
    }

    /// Whether anything other than this fault is under way, or was since `since`.
    pub fn overlapped(&self, number: usize, since: Instant) -> bool {
        self.with(|all| {
            all.iter()
                .enumerate()
                .any(|(other, window)| other != number && window.recovered.is_none_or(|end| end > since))
        })
    }

    /// Whether any of these parts was at fault, or the system not yet over it, at any moment between the two.
    pub fn disturbed(&self, targets: &[Target], from: Instant, until: Instant) -> bool {
        self.touched(targets, from, until, |window| {
            window.recovered.map(|end| end + AFTERMATH)
        })
    }

    /// Whether all was well all the time between the two.
    pub fn calm(&self, from: Instant, until: Instant) -> bool {
        self.with(|all| {
            let mut overlapping = all.iter().filter(|window| window.begun <= until);
            overlapping.all(|window| window.recovered.is_some_and(|end| end < from))
        })
    }

    /// How far an answer between the two may lag behind what was acknowledged: not at all, but for the moment that
    /// it takes an api to hear that another could not tell Redis, and without bound where that cannot be heard, since
    /// PostgreSQL was at fault as well.
    pub fn lag_excused(&self, from: Instant, until: Instant) -> Option<Duration> {
        let at_fault = |target| {
            self.touched(&[target], from, until, |window| {
                window.healed.map(|end| end + GRACE)
            })
        };
        match (at_fault(Target::Redis), at_fault(Target::Postgres)) {
            (false, _) => None,
            (true, false) => Some(HEARSAY),
            (true, true) => Some(Duration::MAX),
        }
    }

    fn touched(
        &self,
        targets: &[Target],
        from: Instant,
        until: Instant,
        end: impl Fn(&Window) -> Option<Instant>,
    ) -> bool {
        self.with(|all| {
            all.iter().any(|window| {
                targets.contains(&window.target)
                    && window.begun <= until
                    && end(window).is_none_or(|end| end >= from)
            })
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<Window>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_excuses_what_overlaps_it_and_its_aftermath_alone() {
        let (windows, before) = (Windows::default(), Instant::now());
        let early = before - Duration::from_secs(1);
        let number = windows.begin(Target::Redis);
        let now = Instant::now();
        assert!(windows.disturbed(&[Target::Redis], before, now));
        assert_eq!(windows.lag_excused(before, now), Some(HEARSAY));
        assert!(!windows.disturbed(&[Target::Api], before, now));
        assert_eq!(windows.lag_excused(early, early), None);
        windows.heal(number);
        windows.recover(number);
        let soon = Instant::now();
        assert_eq!(windows.lag_excused(soon, soon), Some(HEARSAY));
        let later = soon + GRACE + Duration::from_millis(10);
        assert!(!windows.disturbed(&[Target::Redis], later, later));
        assert_eq!(windows.lag_excused(later, later), None);
        let number = windows.begin(Target::Postgres);
        let both = Instant::now();
        assert_eq!(windows.lag_excused(both, both), Some(Duration::MAX));
        windows.heal(number);
    }
}
