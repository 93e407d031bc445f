//! What many requests come to.

use std::{fmt, time::Duration};

use super::load::Sample;

/// Counts and times of requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) requests: usize,
    /// Statuses from 500.
    pub(super) server_errors: usize,
    /// Nothing was answered at all.
    pub(super) unanswered: usize,
    /// From the shortest.
    times: Vec<Duration>,
}

impl Figures {
    pub(super) fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut figures = Self::default();
        for sample in samples {
            figures.requests += 1;
            figures.server_errors += usize::from(sample.status.is_some_and(|status| status >= 500));
            figures.unanswered += usize::from(sample.status.is_none());
            figures.times.push(sample.took);
        }
        figures.times.sort_unstable();
        figures
    }

    /// The time that this percentage of the requests did not exceed.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.times.len() * percent).div_ceil(100).max(1);
        self.times.get(rank - 1).copied().unwrap_or_default()
    }

    pub(super) fn failures(&self) -> usize {
        self.server_errors + self.unanswered
    }
}

/// Median, 99th percentile and longest, in milliseconds.
impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |percent| self.percentile(percent).as_secs_f64() * 1_000.0;
        write!(
            formatter,
            "{:.0} / {:.0} / {:.0}",
            milliseconds(50),
            milliseconds(99),
            milliseconds(100)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(milliseconds: u64, status: Option<u16>) -> Sample {
        Sample {
            at: Duration::ZERO,
            took: Duration::from_millis(milliseconds),
            status,
            retry_after: false,
            word: None,
        }
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let samples: Vec<_> = (1..=200).rev().map(|time| sample(time, Some(200))).collect();
        let figures = Figures::of(&samples);
        let milliseconds = [0, 50, 99, 100].map(|percent| figures.percentile(percent).as_millis());
        assert_eq!(milliseconds, [1, 100, 198, 200]);
        assert_eq!(Figures::default().percentile(99), Duration::ZERO);
    }

    #[test]
    fn refusals_are_no_failures() {
        let samples = [Some(200), Some(404), Some(503), None].map(|status| sample(1, status));
        let figures = Figures::of(&samples);
        assert_eq!((figures.requests, figures.failures()), (4, 2));
    }
}
