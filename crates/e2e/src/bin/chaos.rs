//! Runs the whole system under load and faults; see `make chaos`.
//!
//! `CHAOS_SECONDS`, `CHAOS_SEED` and `CHAOS_RATE` (turns of the clients in a second) say how. It ends with 1 where a
//! promise was broken.

#![forbid(unsafe_code)]

use std::{env, fs, process::ExitCode, str::FromStr, time::Duration};

use e2e::chaos::{config::Config, plan::Scope, report::say, run::run};
use testkit::workspace_root;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> ExitCode {
    let seed = variable("CHAOS_SEED", fastrand::u64(..1_000_000_000));
    let seconds = variable("CHAOS_SECONDS", 900);
    let folder = workspace_root().join("target/chaos");
    let config = Config {
        seed,
        duration: Duration::from_secs(seconds),
        scope: Scope::Everything,
        share: 1.0,
        faults: usize::MAX,
        clients: 12,
        rate: variable("CHAOS_RATE", 30.0),
        settle: Duration::from_secs(90),
        folder: folder.join(seed.to_string()),
    };
    say(&format!(
        "Chaos for {seconds} s with seed {seed}; CHAOS_SEED={seed} gives the same load and faults again."
    ));
    let mut interrupt = match signal(SignalKind::terminate()) {
        Ok(interrupt) => interrupt,
        Err(error) => return cannot_run(&error.to_string()),
    };
    let outcome = tokio::select! {
        outcome = Box::pin(run(config)) => outcome,
        _ = interrupt.recv() => Err("told to end".to_owned()),
        _ = ctrl_c() => Err("told to end".to_owned()),
    };
    let summary = match outcome {
        Ok(summary) => summary,
        Err(error) => return cannot_run(&error),
    };
    let file = folder.join(format!("report-{seed}.md"));
    if let Err(error) = fs::write(&file, &summary.report) {
        say(&format!("{} cannot be written: {error}", file.display()));
    }
    say(&summary.report);
    say(&format!("The same is in {}.", file.display()));
    match summary.broken {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn cannot_run(why: &str) -> ExitCode {
    say(&format!("It was not run to its end: {why}"));
    ExitCode::FAILURE
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    let value = env::var(name).ok().and_then(|text| text.parse().ok());
    value.unwrap_or(default)
}
