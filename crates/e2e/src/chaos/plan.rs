//! Which faults come, in which order: all of it follows from the seed.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;
use testkit::{Mode, Share};

use super::windows::Target;

/// What is done to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// SIGKILL; brought back after the hold.
    Kill,
    /// SIGSTOP for the hold.
    Freeze,
    /// A polite stop, and a start.
    Restart,
    /// Every piece on the lines comes later.
    Latency,
    /// The lines end with RST in mid-flow.
    Reset,
    /// The lines accept and never answer.
    Silent,
}

impl Kind {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Restart => "restart",
            Self::Latency => "latency",
            Self::Reset => "reset",
            Self::Silent => "silent",
        }
    }
}

/// Which faults are open to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Services are killed and frozen as well, so they must be nobody else's.
    Everything,
    /// Only processes and the lines between them and the services.
    ProcessesAndLines,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Who.
    pub target: Target,
    /// What.
    pub kind: Kind,
    /// Which of two processes; of lines, that process's alone where `one_line`.
    pub slot: usize,
    /// Whether a fault of lines is that of one process alone.
    pub one_line: bool,
    /// Which connections of a line.
    pub share: Share,
    /// How long it lasts.
    pub hold: Duration,
    /// Quiet before it.
    pub pause: Duration,
    /// What the lines do, for faults of lines.
    pub mode: Mode,
}

/// An endless row of faults.
pub struct Deck {
    rng: Rng,
    combinations: Vec<(Target, Kind)>,
    waiting: VecDeque<(Target, Kind)>,
    long: bool,
    share: f64,
}

const SERVICES: [Target; 4] = [Target::Postgres, Target::Redis, Target::RabbitMq, Target::S3];

impl Deck {
    /// Short faults, one after the other; `share` shortens all times.
    pub fn short(seed: u64, scope: Scope, share: f64) -> Self {
        let mut combinations = Vec::new();
        for target in [Target::Api, Target::Worker] {
            for kind in [Kind::Kill, Kind::Freeze, Kind::Restart] {
                combinations.push((target, kind));
            }
        }
        for target in SERVICES {
            combinations.extend([Kind::Latency, Kind::Reset, Kind::Silent].map(|kind| (target, kind)));
            if scope == Scope::Everything {
                combinations.extend([Kind::Kill, Kind::Freeze, Kind::Restart].map(|kind| (target, kind)));
            }
        }
        // What hurts most comes more often.
        if scope == Scope::Everything {
            combinations.extend([(Target::Api, Kind::Kill), (Target::Worker, Kind::Kill)]);
            combinations.push((Target::RabbitMq, Kind::Silent));
            combinations.extend([(Target::RabbitMq, Kind::Reset); 3]);
        }
        Self::new(seed, combinations, false, share)
    }

    /// Rare long faults beside the short ones.
    pub fn long(seed: u64, scope: Scope) -> Self {
        let mut combinations = vec![(Target::Api, Kind::Freeze), (Target::Worker, Kind::Freeze)];
        for target in SERVICES {
            combinations.push((target, Kind::Silent));
            if scope == Scope::Everything {
                combinations.extend([(target, Kind::Freeze), (target, Kind::Kill)]);
            }
        }
        Self::new(seed ^ 0x6c6f_6e67, combinations, true, 1.0)
    }

    fn new(seed: u64, combinations: Vec<(Target, Kind)>, long: bool, share: f64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            combinations,
            waiting: VecDeque::new(),
            long,
            share,
        }
    }

    /// How many faults there are before the first comes again.
    pub fn size(&self) -> usize {
        self.combinations.len()
    }

    /// The next fault whose target is free; one that has to wait keeps its place.
    pub fn draw(&mut self, is_free: impl Fn(Target) -> bool) -> Option<Fault> {
        if self.waiting.is_empty() {
            let mut shuffled = self.combinations.clone();
            self.rng.shuffle(&mut shuffled);
            self.waiting.extend(shuffled);
        }
        let place = self.waiting.iter().position(|(target, _)| is_free(*target))?;
        let (target, kind) = self.waiting.remove(place)?;
        Some(self.detail(target, kind))
    }

    fn detail(&mut self, target: Target, kind: Kind) -> Fault {
        let (long, rng) = (self.long, &mut self.rng);
        let seconds =
            |range: std::ops::Range<f64>, rng: &mut Rng| range.start + rng.f64() * (range.end - range.start);
        let hold = match kind {
            Kind::Freeze if long => 30.0,
            _ if long => seconds(20.0..30.0, rng),
            Kind::Kill => seconds(0.5..4.0, rng),
            Kind::Freeze => 5.0,
            Kind::Restart => 0.0,
            Kind::Latency => seconds(4.0..7.0, rng),
            Kind::Reset => seconds(4.0..6.0, rng),
            Kind::Silent => seconds(4.0..9.0, rng),
        };
        let pause = if long {
            seconds(30.0..60.0, rng)
        } else {
            seconds(0.5..3.0, rng)
        };
        let mode = match kind {
            Kind::Latency => Mode::Delay(Duration::from_millis(rng.u64(40..250))),
            Kind::Reset => Mode::Reset {
                after: [0, 0, 0, 300, 3_000][rng.usize(..5)],
            },
            Kind::Silent => Mode::Silent,
            Kind::Kill | Kind::Freeze | Kind::Restart => Mode::Pass,
        };
        // Publishing and consuming have a connection each, and what is let go on one must be safe on the other.
        let partial = if target == Target::RabbitMq { 7 } else { 4 };
        let share = match rng.u8(..10) {
            number if number >= partial => Share::Every,
            number if number % 2 == 0 => Share::Odd,
            _ => Share::Even,
        };
        Fault {
            target,
            kind,
            slot: rng.usize(..2),
            one_line: rng.u8(..5) < 2,
            share,
            hold: Duration::from_secs_f64(hold * self.share),
            pause: Duration::from_secs_f64(pause * self.share),
            mode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_each_time_and_a_round_holds_each_once() {
        let round = |seed| {
            let mut deck = Deck::short(seed, Scope::ProcessesAndLines, 1.0);
            let size = deck.size();
            (0..size)
                .map(|_| format!("{:?}", deck.draw(|_| true)))
                .collect::<Vec<_>>()
        };
        assert_eq!(round(7), round(7));
        assert_ne!(round(7), round(8));
        let mut deck = Deck::short(7, Scope::ProcessesAndLines, 1.0);
        let mut drawn: Vec<_> = (0..deck.size())
            .filter_map(|_| deck.draw(|_| true))
            .map(|fault| (fault.target, fault.kind))
            .collect();
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn.len(), deck.size());
    }

    #[test]
    fn a_target_that_is_taken_is_passed_over_and_comes_later() {
        let mut deck = Deck::short(7, Scope::ProcessesAndLines, 1.0);
        let first = deck.draw(|target| target != Target::Api).unwrap();
        assert_ne!(first.target, Target::Api);
        let rest = deck.size() - 1;
        let drawn: Vec<_> = (0..rest).filter_map(|_| deck.draw(|_| true)).collect();
        assert!(drawn.iter().filter(|fault| fault.target == Target::Api).count() == 3);
    }
}
