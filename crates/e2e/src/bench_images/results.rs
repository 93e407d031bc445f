//! What renderers have made, and what it has cost them.

use super::{
    contestant::{OURS, Turn},
    figures::{mean, median},
    job::Job,
};

/// A file that a renderer has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Longest edge and format, such as `800.webp`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SSIMULACRA2 against the reference of its size.
    pub score: f64,
}

/// One contestant, one photograph, one job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub contestant: &'static str,
    /// What of.
    pub photograph: String,
    /// What.
    pub job: Job,
    /// What it cost, each time; never empty.
    pub turns: Vec<Turn>,
    /// What came of it; the same each time.
    pub files: Vec<Made>,
}

impl Outcome {
    /// CPU-seconds, the median of all turns.
    pub fn cpu(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.cpu))
    }

    /// Seconds on the wall, the median of all turns.
    pub fn wall(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.wall))
    }

    /// The most memory, in KiB.
    pub fn peak_kib(&self) -> f64 {
        self.turns.iter().map(|turn| turn.peak_kib).fold(0.0, f64::max)
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// One contestant, one job, all photographs.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Who.
    pub contestant: &'static str,
    /// CPU-seconds for a picture, the median of all photographs.
    pub cpu: f64,
    /// Pictures a second, one at a time, the median of all photographs.
    pub per_second: f64,
    /// The most memory, in KiB, the median of all photographs.
    pub peak_kib: f64,
    /// The most memory of all, in KiB.
    pub peak_most_kib: f64,
    /// Of all files together.
    pub bytes: u64,
    /// The mean of all files whose name ends so.
    pub jpeg_score: f64,
    /// The same; 0 where there are none.
    pub webp_score: f64,
    /// The mean of all files.
    pub score: f64,
}

impl Summary {
    /// Of one contestant's outcomes.
    pub fn of(contestant: &'static str, outcomes: &[&Outcome]) -> Self {
        let score = |ending: &str| {
            let files = outcomes.iter().flat_map(|outcome| &outcome.files);
            mean(
                files
                    .filter(|file| file.name.ends_with(ending))
                    .map(|file| file.score),
            )
        };
        Self {
            contestant,
            cpu: median(outcomes.iter().map(|outcome| outcome.cpu())),
            per_second: median(outcomes.iter().map(|outcome| 1.0 / outcome.wall())),
            peak_kib: median(outcomes.iter().map(|outcome| outcome.peak_kib())),
            peak_most_kib: outcomes
                .iter()
                .map(|outcome| outcome.peak_kib())
                .fold(0.0, f64::max),
            bytes: outcomes.iter().map(|outcome| outcome.bytes()).sum(),
            jpeg_score: score(".jpeg"),
            webp_score: score(".webp"),
            score: score(""),
        }
    }
}

/// How this project's renderer compares with another in one job. Costs are ratios, ours by theirs: the median of those
/// of all photographs, so that no photograph weighs more than another.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Who with: the one that takes the least CPU.
    pub with: &'static str,
    /// CPU-seconds.
    pub cpu: f64,
    /// The most memory.
    pub peak: f64,
    /// Bytes of all files together.
    pub bytes: f64,
    /// The mean of SSIMULACRA2 over all files, ours less theirs.
    pub score: f64,
}

/// A job, with what all made of it.
#[derive(Clone, Debug)]
pub struct JobResults {
    /// Which.
    pub job: Job,
    /// In the order of the contestants.
    pub summaries: Vec<Summary>,
    /// None where there is nobody to compare with.
    pub comparison: Option<Comparison>,
}

impl JobResults {
    /// Sums up, job by job.
    pub fn of(outcomes: &[Outcome]) -> Vec<Self> {
        let jobs = Job::ALL.into_iter();
        jobs.filter_map(|job| {
            let of_job: Vec<_> = outcomes.iter().filter(|outcome| outcome.job == job).collect();
            (!of_job.is_empty()).then(|| Self::of_job(job, &of_job))
        })
        .collect()
    }

    fn of_job(job: Job, outcomes: &[&Outcome]) -> Self {
        let of = |name: &str| {
            let outcomes = outcomes.iter().filter(|outcome| outcome.contestant == name);
            outcomes.copied().collect::<Vec<&Outcome>>()
        };
        let mut names: Vec<&'static str> = Vec::new();
        for outcome in outcomes {
            if !names.contains(&outcome.contestant) {
                names.push(outcome.contestant);
            }
        }
        let summaries: Vec<_> = names
            .into_iter()
            .map(|name| Summary::of(name, &of(name)))
            .collect();
        let ours = summaries.iter().find(|summary| summary.contestant == OURS);
        let others = summaries.iter().filter(|summary| summary.contestant != OURS);
        let best = others.min_by(|one, other| one.cpu.total_cmp(&other.cpu));
        let comparison = ours.zip(best).map(|(ours, best)| {
            let (mine, theirs) = (of(OURS), of(best.contestant));
            let ratio = |cost: fn(&Outcome) -> f64| {
                let pairs = mine.iter().filter_map(|outcome| {
                    let other = theirs
                        .iter()
                        .find(|other| other.photograph == outcome.photograph)?;
                    Some(cost(outcome) / cost(other))
                });
                median(pairs)
            };
            Comparison {
                with: best.contestant,
                cpu: ratio(Outcome::cpu),
                peak: ratio(Outcome::peak_kib),
                bytes: ours.bytes as f64 / best.bytes as f64,
                score: ours.score - best.score,
            }
        });
        Self {
            job,
            summaries,
            comparison,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_images::job::JPEG_ALONE;

    fn outcome(contestant: &'static str, photograph: &str, cpu: f64, bytes: u64) -> Outcome {
        let turn = |cpu| Turn {
            cpu,
            wall: 2.0 * cpu,
            peak_kib: 100.0 * cpu,
        };
        Outcome {
            contestant,
            photograph: photograph.to_owned(),
            job: JPEG_ALONE,
            turns: vec![turn(cpu), turn(100.0 * cpu), turn(cpu)],
            files: vec![Made {
                name: "800.jpeg".to_owned(),
                bytes,
                score: 80.0 + cpu,
            }],
        }
    }

    #[test]
    fn the_cheapest_other_is_what_we_are_compared_with() {
        let outcomes = [
            outcome(OURS, "a", 1.0, 100),
            outcome(OURS, "b", 2.0, 200),
            outcome("slow", "a", 9.0, 100),
            outcome("slow", "b", 9.0, 100),
            outcome("quick", "a", 2.0, 100),
            outcome("quick", "b", 8.0, 100),
        ];
        let results = JobResults::of(&outcomes);
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].summaries.len(), 3);
        let comparison = results[0].comparison.clone().unwrap();
        assert_eq!(comparison.with, "quick");
        // The median of a half and a quarter.
        assert_eq!(comparison.cpu, 0.375);
        assert_eq!(comparison.bytes, 1.5);
        assert_eq!(comparison.score, -3.5);
        assert_eq!(results[0].summaries[0].cpu, 1.5);
        assert_eq!(results[0].summaries[0].peak_most_kib, 20_000.0);
    }
}
