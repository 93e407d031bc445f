//! Whole workers, from the queue to the bucket: both fetch the same photographs from the same server on loopback, make
//! the same variants and store them in the same bucket; each takes its jobs from its own queue.

mod ours;
mod theirs;

use std::{
    fs,
    time::{Duration, Instant},
};

use testkit::{Origin, Reply, TestBucket};
use tokio::time::timeout;

use self::{ours::Ours, theirs::Theirs};
use super::{
    Fault,
    figures::median,
    job::{DEFAULT, JPEG_ALONE, Job, THOROUGH},
    peer::Peer,
    photographs::Photograph,
    process::Usage,
    report::say,
};

/// Pictures at a time in our worker, one for each of the two cores that all share.
const CONCURRENCY: usize = 2;
/// In the peer: as ours, and with as many again that fetch and store meanwhile. The better one counts.
const PEER_CONCURRENCIES: [usize; 2] = [2, 4];
/// How often each photograph is worked on in one turn.
const PASSES: usize = 3;
/// How many pictures a worker is warmed up with.
const WARM_UP: usize = 4;
/// Whatever takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(300);

/// What one turn came to.
#[derive(Clone, Copy, Debug)]
pub struct FlowTurn {
    /// Pictures a second.
    pub per_second: f64,
    /// CPU-seconds of the worker's processes for a picture.
    pub cpu: f64,
    /// The most memory of the worker's processes, in KiB.
    pub peak_kib: f64,
}

/// All turns of one worker.
#[derive(Clone, Debug)]
pub struct FlowRun {
    /// For tables.
    pub name: String,
    /// In their order.
    pub turns: Vec<FlowTurn>,
}

impl FlowRun {
    fn new(name: String) -> Self {
        Self {
            name,
            turns: Vec::new(),
        }
    }

    /// Pictures a second, the median.
    pub fn per_second(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.per_second))
    }

    /// CPU-seconds for a picture, the median.
    pub fn cpu(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.cpu))
    }

    /// The most memory of all turns, in KiB.
    pub fn peak_kib(&self) -> f64 {
        self.turns.iter().map(|turn| turn.peak_kib).fold(0.0, f64::max)
    }
}

/// All workers at one job.
#[derive(Clone, Debug)]
pub struct FlowResults {
    /// Which.
    pub job: Job,
    /// Ours first.
    pub runs: Vec<FlowRun>,
}

impl FlowResults {
    /// Our pictures a second, by those of the best other; none where there is no other.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, others) = self.runs.split_first()?;
        let best = others.iter().map(FlowRun::per_second).max_by(f64::total_cmp)?;
        Some(ours.per_second() / best)
    }
}

/// Lets every worker do all photographs, `turns` times.
///
/// # Errors
/// A worker cannot be started, or fails at a photograph.
pub async fn run(photographs: &[Photograph], peer: &Peer, turns: usize) -> Result<Vec<FlowResults>, Fault> {
    let origin = Origin::start().await;
    let mut urls = Vec::new();
    for photograph in photographs {
        let reply = Reply::jpeg(fs::read(&photograph.path)?);
        urls.push(origin.serve(&format!("/{}.jpg", photograph.name), reply));
    }
    let urls: Vec<String> = std::iter::repeat_n(urls, PASSES).flatten().collect();
    let bucket = TestBucket::create().await;
    let mut ours = Ours::prepare(&bucket).await?;
    let mut theirs = Theirs::prepare(peer, &bucket).await?;
    let mut results = Vec::new();
    for job in [THOROUGH, DEFAULT, JPEG_ALONE] {
        let mut runs = vec![FlowRun::new("PMS image-worker".to_owned())];
        for concurrency in PEER_CONCURRENCIES {
            runs.push(FlowRun::new(format!("BullMQ + sharp, {concurrency} at a time")));
        }
        for turn in 0..turns {
            for place in 0..runs.len() {
                // Who begins changes from turn to turn.
                let index = (place + turn) % runs.len();
                let done = match index {
                    0 => ours.turn(&job, &urls).await?,
                    other => theirs.turn(&job, &urls, PEER_CONCURRENCIES[other - 1]).await?,
                };
                let run = &mut runs[index];
                say(&format!(
                    "  turn {}/{turns}, {}, {}: {:.2} pictures a second, {:.3} CPU-seconds each, {:.0} MiB",
                    turn + 1,
                    job.name,
                    run.name,
                    done.per_second,
                    done.cpu,
                    done.peak_kib / 1024.0
                ))?;
                run.turns.push(done);
            }
        }
        results.push(FlowResults { job, runs });
    }
    Ok(results)
}

/// Waits for `work` on so many pictures, and measures it and what the worker `pid` has used for it.
async fn measured(
    pid: u32,
    pictures: usize,
    work: impl Future<Output = Result<(), Fault>>,
) -> Result<FlowTurn, Fault> {
    let (before, began) = (Usage::of_tree(pid), Instant::now());
    timeout(PATIENCE, work).await??;
    let (took, after) = (began.elapsed(), Usage::of_tree(pid));
    let pictures = pictures as f64;
    Ok(FlowTurn {
        per_second: pictures / took.as_secs_f64(),
        cpu: (after.cpu - before.cpu) / pictures,
        peak_kib: after.peak_kib as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_other_counts() {
        let run = |per_second| FlowRun {
            name: String::new(),
            turns: vec![FlowTurn {
                per_second,
                cpu: 0.0,
                peak_kib: 0.0,
            }],
        };
        let mut results = FlowResults {
            job: DEFAULT,
            runs: vec![run(6.0), run(3.0), run(4.0)],
        };
        assert_eq!(results.ratio(), Some(1.5));
        results.runs.truncate(1);
        assert_eq!(results.ratio(), None);
    }
}
