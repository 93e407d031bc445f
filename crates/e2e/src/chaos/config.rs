//! What a run is to be, and what is left of it.

use std::{path::PathBuf, process::Command, time::Duration};

use super::plan::Scope;

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// From which load and faults follow.
    pub seed: u64,
    /// How long load and faults last.
    pub duration: Duration,
    /// Which faults.
    pub scope: Scope,
    /// Shortens the times of short faults.
    pub share: f64,
    /// How many short faults at most.
    pub faults: usize,
    /// How many clients.
    pub clients: usize,
    /// How many turns all clients together take in a second.
    pub rate: f64,
    /// How long everything may take to come to rest in the end.
    pub settle: Duration,
    /// Where logs and report go; emptied first.
    pub folder: PathBuf,
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// How often a promise was broken.
    pub broken: u64,
    /// The report, as Markdown.
    pub report: String,
}

/// The first panics that a log tells of.
pub(super) fn panics_in(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains("panicked at"));
    lines.take(5).map(str::to_owned).collect()
}

/// The version of the code.
pub(super) fn commit() -> String {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(testkit::workspace_root())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
