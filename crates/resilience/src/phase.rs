//! What a breaker is doing, and what the end of a call makes of it. Pure: the moment comes from outside.

use std::time::Duration;

use tokio::time::Instant;

use crate::{config::BreakerConfig, judge::Judge};

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of them are.
    Closed,
    /// A few at a time are, to find out whether the part is back.
    HalfOpen,
    /// None is.
    Open,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// How a call ended, as far as the part is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Bad,
    /// Nothing can be said: its caller went away before long.
    Unknown,
}

/// Leave for one call. A call that began in an earlier phase says nothing about this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    round: u64,
}

#[derive(Debug)]
enum Phase {
    Closed(Judge),
    HalfOpen { under_way: usize, good: usize },
    Open { until: Instant },
}

#[derive(Debug)]
pub(crate) struct Machine {
    config: BreakerConfig,
    phase: Phase,
    /// Grows with every change of phase.
    round: u64,
}

impl Machine {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self {
            phase: Phase::Closed(Judge::new(&config)),
            round: 0,
            config,
        }
    }

    pub(crate) fn config(&self) -> &BreakerConfig {
        &self.config
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Open { .. } => State::Open,
        }
    }

    /// How long a call had better wait: zero where one would be let through, and none where it depends on the calls
    /// that are under way.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Closed(_) => Some(Duration::ZERO),
            Phase::HalfOpen { under_way, .. } => {
                (under_way < self.config.probes.max(1)).then_some(Duration::ZERO)
            }
            Phase::Open { until } => Some(until.saturating_duration_since(now)),
        }
    }

    /// Lets a call through, or none.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<Pass> {
        if self.wait(now) != Some(Duration::ZERO) {
            return None;
        }
        if matches!(self.phase, Phase::Open { .. }) {
            self.turn(Phase::HalfOpen {
                under_way: 0,
                good: 0,
            });
        }
        if let Phase::HalfOpen { under_way, .. } = &mut self.phase {
            *under_way += 1;
        }
        Some(Pass { round: self.round })
    }

    /// A call that was let through has ended.
    pub(crate) fn settle(&mut self, pass: Pass, end: End, now: Instant) {
        if pass.round != self.round {
            return;
        }
        match &mut self.phase {
            Phase::Closed(judge) => {
                if end != End::Unknown && judge.condemns(end == End::Bad) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { under_way, good } => {
                *under_way = under_way.saturating_sub(1);
                match end {
                    End::Unknown => {}
                    End::Bad => self.open(now),
                    End::Good => {
                        *good += 1;
                        if *good >= self.config.probes {
                            self.close();
                        }
                    }
                }
            }
            Phase::Open { .. } => {}
        }
    }

    /// A look at the part that was taken whatever the state.
    pub(crate) fn look(&mut self, end: End, now: Instant) {
        match self.phase {
            Phase::Closed(_) => self.settle(Pass { round: self.round }, end, now),
            Phase::HalfOpen { .. } | Phase::Open { .. } if end == End::Good => self.close(),
            Phase::HalfOpen { .. } | Phase::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Instant) {
        let until = now + self.config.open_for_jittered();
        self.turn(Phase::Open { until });
    }

    fn close(&mut self) {
        self.turn(Phase::Closed(Judge::new(&self.config)));
    }

    fn turn(&mut self, phase: Phase) {
        self.phase = phase;
        self.round += 1;
    }
}
