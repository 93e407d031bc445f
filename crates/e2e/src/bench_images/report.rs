//! The figures, for a reader.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use testkit::workspace_root;

use super::{flow::FlowResults, goals::Goal, photographs::Photograph, results::JobResults};

/// Tells how far it has come.
///
/// # Errors
/// Nobody reads it any more.
pub fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

/// The folder of everything that is written, which is made if it is not there.
///
/// # Errors
/// It cannot be made.
pub fn folder() -> io::Result<PathBuf> {
    let folder = workspace_root().join("target/bench-images");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where and of what the figures are.
pub fn head(photographs: &[Photograph], rounds: usize) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu
        .and_then(|line| line.split_once(':'))
        .map_or("", |(_, name)| name.trim());
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(workspace_root())
        .output();
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let smallest = photographs
        .iter()
        .map(Photograph::megapixels)
        .fold(f64::INFINITY, f64::min);
    let largest = photographs.iter().map(Photograph::megapixels).fold(0.0, f64::max);
    format!(
        "# Pictures\n\nCommit {}, {cpu}. {} photographs of {smallest:.0} to {largest:.0} megapixels, {rounds} rounds \
         each, by turns; medians.\n",
        commit.as_deref().unwrap_or("unknown"),
        photographs.len(),
    )
}

/// Tables of the renderers, one a job.
pub fn of_renderers(results: &[JobResults]) -> String {
    let mut text = String::new();
    for result in results {
        let _ = writeln!(
            text,
            "\n## {}\n\n| renderer | CPU-seconds a picture | pictures a second, one at a time | most memory: median, \
             most | bytes | SSIMULACRA2: JPEG, WebP |\n|---|---|---|---|---|---|",
            result.job.name
        );
        for summary in &result.summaries {
            let webp = match result.job.webp {
                Some(_) => format!(", {:.2}", summary.webp_score),
                None => String::new(),
            };
            let _ = writeln!(
                text,
                "| {} | {:.3} | {:.2} | {:.0}, {:.0} MiB | {} | {:.2}{webp} |",
                summary.contestant,
                summary.cpu,
                summary.per_second,
                summary.peak_kib / 1024.0,
                summary.peak_most_kib / 1024.0,
                summary.bytes,
                summary.jpeg_score,
            );
        }
        if let Some(comparison) = &result.comparison {
            let _ = writeln!(
                text,
                "\nBy {}: CPU {:.2}, memory {:.2}, bytes {:.3}, SSIMULACRA2 {:+.2}.",
                comparison.with, comparison.cpu, comparison.peak, comparison.bytes, comparison.score
            );
        }
    }
    text
}

/// Tables of the whole workers.
pub fn of_flow(results: &[FlowResults]) -> String {
    let mut text = String::new();
    for result in results {
        let _ = writeln!(
            text,
            "\n## From queue to bucket, {}\n\n| worker | pictures a second: median (all) | CPU-seconds a picture | most \
             memory |\n|---|---|---|---|",
            result.job.name
        );
        for run in &result.runs {
            let all: Vec<String> = run
                .turns
                .iter()
                .map(|turn| format!("{:.2}", turn.per_second))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {:.2} ({}) | {:.3} | {:.0} MiB |",
                run.name,
                run.per_second(),
                all.join(", "),
                run.cpu(),
                run.peak_kib() / 1024.0
            );
        }
    }
    text
}

/// A table of the goals.
pub fn of_goals(goals: &[Goal]) -> String {
    let mut text = String::from("\n## Goals\n\n| goal | measured | wanted | reached |\n|---|---|---|---|\n");
    for goal in goals {
        let reached = if goal.reached { "yes" } else { "NO" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {reached} |",
            goal.what, goal.measured, goal.bound
        );
    }
    text
}
