//! What this project wants to reach, and whether it has.

use super::{
    flow::FlowResults,
    job::{JPEG_ALONE, Job, THOROUGH},
    results::JobResults,
};

/// A goal, with what was measured.
#[derive(Clone, Debug)]
pub struct Goal {
    /// What is measured.
    pub what: String,
    /// How much it is.
    pub measured: String,
    /// How much it may be.
    pub bound: String,
    /// Whether it is.
    pub reached: bool,
}

/// Of CPU-seconds for a picture, ours by the best idiom of sharp.
const CPU_MAX: [(Job, f64); 2] = [(THOROUGH, 0.70), (JPEG_ALONE, 0.57)];
/// Of the most memory, likewise.
const PEAK_MAX: f64 = 0.35;
/// How much less SSIMULACRA2 may be, so that nothing is won by worse pictures.
const SCORE_LESS_MAX: f64 = 0.5;
/// By which share files may be larger, so that nothing is won by larger ones.
const BYTES_MORE_MAX: f64 = 0.02;
/// Of pictures a second of the whole worker, ours by the best of the peer.
const PER_SECOND_MIN: f64 = 1.5;

/// Those about renderers.
pub fn of_renderers(results: &[JobResults]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (job, cpu_max) in CPU_MAX {
        let result = results.iter().find(|result| result.job == job);
        let Some(comparison) = result.and_then(|result| result.comparison.as_ref()) else {
            continue;
        };
        let mut add = |what: &str, measured: String, bound: String, reached| {
            goals.push(Goal {
                what: format!("{}: {what}", job.name),
                measured,
                bound,
                reached,
            });
        };
        add(
            "CPU for a picture, by sharp's",
            format!("{:.2}", comparison.cpu),
            format!("≤ {cpu_max:.2}"),
            comparison.cpu <= cpu_max,
        );
        add(
            "most memory, by sharp's",
            format!("{:.2}", comparison.peak),
            format!("≤ {PEAK_MAX:.2}"),
            comparison.peak <= PEAK_MAX,
        );
        add(
            "SSIMULACRA2, less sharp's",
            format!("{:+.2}", comparison.score),
            format!("≥ −{SCORE_LESS_MAX}"),
            comparison.score >= -SCORE_LESS_MAX,
        );
        add(
            "bytes, by sharp's",
            format!("{:.3}", comparison.bytes),
            format!("≤ {:.2}", 1.0 + BYTES_MORE_MAX),
            comparison.bytes <= 1.0 + BYTES_MORE_MAX,
        );
    }
    goals
}

/// That about the whole worker.
pub fn of_flow(results: &[FlowResults]) -> Vec<Goal> {
    let goals = results.iter().filter_map(|result| {
        let ratio = result.ratio()?;
        Some(Goal {
            what: format!(
                "{}: pictures a second of the worker, by the peer's",
                result.job.name
            ),
            measured: format!("{ratio:.2}"),
            bound: format!("≥ {PER_SECOND_MIN}"),
            reached: ratio >= PER_SECOND_MIN,
        })
    });
    goals.collect()
}
