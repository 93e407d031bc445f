//! The names of exchanges and queues. A change of arguments is a change of name.

use std::time::Duration;

/// A kind of work, each with a queue, suspects and a retry ladder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// From the api to the workers.
    Jobs,
    /// From the workers to the api.
    Results,
    /// Jobs that wait until there are no others.
    Backfill,
}

impl Work {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Jobs, Self::Results, Self::Backfill];

    const fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Results => "results",
            Self::Backfill => "jobs.backfill",
        }
    }
}

/// Every name in the broker, beneath one prefix, so that tests and tenants can share a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names beneath `prefix`, which is `pms` unless the settings say otherwise.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// The exchange that work is published to, with the queue's name as routing key. All jobs share one.
    pub fn exchange(&self, work: Work) -> String {
        let word = match work {
            Work::Jobs | Work::Backfill => Work::Jobs.word(),
            Work::Results => Work::Results.word(),
        };
        format!("{}.{word}", self.prefix)
    }

    /// The exchange in front of the retry queues.
    pub fn retry_exchange(&self) -> String {
        format!("{}.retry", self.prefix)
    }

    /// The exchange, and the queue, of what could not be done.
    pub fn dead(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The queue that work is consumed from.
    pub fn queue(&self, work: Work) -> String {
        format!("{}.image.{}", self.prefix, work.word())
    }

    /// The queue of work that may have ended the process it was in; each message of it is worked on alone.
    pub fn suspects_queue(&self, work: Work) -> String {
        format!("{}.suspects", self.queue(work))
    }

    /// The work of a queue that [`Names::queue`], [`Names::suspects_queue`] or [`Names::retry_queue`] names.
    pub fn work_of(&self, queue: &str) -> Option<Work> {
        Work::ALL.into_iter().find(|work| {
            let rest = queue.strip_prefix(&self.queue(*work));
            rest.is_some_and(|rest| rest.is_empty() || rest == ".suspects" || rest.starts_with(".retry."))
        })
    }

    /// The queue that holds work back for `delay` before it is tried again.
    pub fn retry_queue(&self, work: Work, delay: Duration) -> String {
        format!("{}.retry.{}", self.queue(work), delay_word(delay))
    }
}

/// `10s`, `1m`, `2h`; milliseconds where there is no whole second.
fn delay_word(delay: Duration) -> String {
    let milliseconds = delay.as_millis();
    match milliseconds {
        _ if milliseconds.is_multiple_of(3_600_000) => format!("{}h", milliseconds / 3_600_000),
        _ if milliseconds.is_multiple_of(60_000) => format!("{}m", milliseconds / 60_000),
        _ if milliseconds.is_multiple_of(1_000) => format!("{}s", milliseconds / 1_000),
        _ => format!("{milliseconds}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_of_a_work_leads_back_to_it() {
        let names = Names::new("pms");
        for work in Work::ALL {
            let retry = names.retry_queue(work, Duration::from_secs(60));
            for queue in [names.queue(work), names.suspects_queue(work), retry] {
                assert_eq!(names.work_of(&queue), Some(work), "{queue}");
            }
        }
        for stranger in ["pms.dead", "pms.image.jobsuspects", "other.image.jobs", ""] {
            assert_eq!(names.work_of(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn the_names_are_those_that_operators_know() {
        let names = Names::new("pms");
        assert_eq!(names.exchange(Work::Jobs), "pms.jobs");
        assert_eq!(names.exchange(Work::Results), "pms.results");
        assert_eq!(names.retry_exchange(), "pms.retry");
        assert_eq!(names.dead(), "pms.dead");
        assert_eq!(names.queue(Work::Jobs), "pms.image.jobs");
        assert_eq!(names.queue(Work::Results), "pms.image.results");
        assert_eq!(names.exchange(Work::Backfill), "pms.jobs");
        assert_eq!(names.queue(Work::Backfill), "pms.image.jobs.backfill");
        assert_eq!(names.suspects_queue(Work::Jobs), "pms.image.jobs.suspects");
        let retry = |seconds| names.retry_queue(Work::Jobs, Duration::from_secs(seconds));
        assert_eq!(retry(10), "pms.image.jobs.retry.10s");
        assert_eq!(retry(60), "pms.image.jobs.retry.1m");
        assert_eq!(retry(600), "pms.image.jobs.retry.10m");
        assert_eq!(
            names.retry_queue(Work::Results, Duration::from_millis(1_500)),
            "pms.image.results.retry.1500ms"
        );
    }
}
