//! Shows how far a run has come: a bar on a terminal, else a line now and then.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::say;

/// From line to line, where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// After so long without an end of any picture, it is said what that may be due to.
const STILL_AFTER: Duration = Duration::from_secs(60);

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Made again, or deleted meanwhile.
    pub(super) done: u64,
    /// Not made again.
    pub(super) failed: u64,
    /// With the workers, or on the way to them.
    pub(super) under_way: u64,
}

impl Counts {
    const fn ended(self) -> u64 {
        self.done + self.failed
    }
}

/// Shows how far a run has come.
pub(super) struct Display {
    total: u64,
    begun: Instant,
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    next_line: Instant,
    last: (u64, Instant),
}

impl Display {
    pub(super) fn new(total: u64) -> anyhow::Result<Self> {
        let now = Instant::now();
        let bar = if stderr().is_terminal() {
            let style = ProgressStyle::with_template("{wide_bar} {percent}%  {pos} of {len}  {msg}")?;
            Some(ProgressBar::new(total).with_style(style))
        } else {
            None
        };
        Ok(Self {
            total,
            begun: now,
            bar,
            next_line: now + LINE_INTERVAL,
            last: (0, now),
        })
    }

    pub(super) fn show(&mut self, counts: Counts) {
        if counts.ended() != self.last.0 {
            self.last = (counts.ended(), Instant::now());
        }
        let words = self.words(counts);
        match &self.bar {
            Some(bar) => {
                // Pictures can come to be meant while it runs.
                bar.set_length(self.total.max(counts.ended() + counts.under_way));
                bar.set_position(counts.ended());
                bar.set_message(words);
            }
            None if Instant::now() >= self.next_line => {
                self.next_line = Instant::now() + LINE_INTERVAL;
                say(&format!("{} of {}  {words}", counts.ended(), self.total));
            }
            None => {}
        }
    }

    /// Ends the showing.
    pub(super) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn words(&self, counts: Counts) -> String {
        let Counts {
            failed, under_way, ..
        } = counts;
        let mut words = format!("{}, {failed} failed, {under_way} under way", self.rate(counts));
        if under_way > 0 && self.last.1.elapsed() > STILL_AFTER {
            words.push_str("; nothing has ended for a minute: does a worker run, or has it newer pictures?");
        }
        words
    }

    /// Pictures a second, and how long the rest takes at that rate.
    fn rate(&self, counts: Counts) -> String {
        let ended = counts.ended();
        let elapsed = self.begun.elapsed();
        let per_second = per_second(ended, elapsed);
        let left = self.total.saturating_sub(ended);
        if ended == 0 || left == 0 {
            return format!("{per_second:.1}/s");
        }
        let rest = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(left)
            / ended
            / 1_000;
        format!(
            "{per_second:.1}/s, {} left",
            humantime::format_duration(Duration::from_secs(rest))
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for a person to read")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}
