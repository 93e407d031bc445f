//! What pictures cost, here and elsewhere: `bench-images [renderers|workers|curve]…`, all three by default.
//! `make bench-images` starts the services and installs what the others need. `BENCH_ROUNDS` says how often each
//! photograph is rendered.

#![forbid(unsafe_code)]

use std::{env, fs};

use e2e::bench_images::{
    Fault, curve, flow, goals,
    peer::{Peer, path_of},
    photographs, plot, renderers,
    report::{self, say},
    results::JobResults,
};

/// Each photograph is rendered so often by each renderer.
const ROUNDS: usize = 7;
/// A turn of whole workers takes many pictures already.
const TURNS_MAX: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|word| !["renderers", "workers", "curve"].contains(&word.as_str()))
    {
        return Err(format!("there is no `{unknown}`; there are renderers, workers and curve").into());
    }
    let wants = |word: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == word);
    let rounds = match env::var("BENCH_ROUNDS") {
        Ok(text) => text.parse::<usize>()?.max(1),
        Err(_) => ROUNDS,
    };
    let folder = report::folder()?;
    let photographs = photographs::load(&path_of("BENCH_PHOTOGRAPHS")?)?;
    let mut text = report::head(&photographs, rounds);
    let mut reached = Vec::new();
    if wants("renderers") {
        say("Renderers alone …")?;
        let outcomes = renderers::run(&photographs, &Peer::of_environment()?, rounds, &folder)?;
        let results = JobResults::of(&outcomes);
        text.push_str(&report::of_renderers(&results));
        reached.extend(goals::of_renderers(&results));
    }
    if wants("workers") {
        say("Whole workers …")?;
        let turns = rounds.min(TURNS_MAX);
        let results = Box::pin(flow::run(&photographs, &Peer::of_environment()?, turns)).await?;
        text.push_str(&report::of_flow(&results));
        reached.extend(goals::of_flow(&results));
    }
    if !reached.is_empty() {
        text.push_str(&report::of_goals(&reached));
    }
    if wants("curve") {
        say("The curve …")?;
        let qualities: Vec<u8> = (75..=90).collect();
        let points = curve::run(&photographs, &qualities)?;
        let csv = curve::to_csv(&points);
        fs::write(folder.join("curve.csv"), &csv)?;
        fs::write(folder.join("curve.svg"), plot::draw(&points))?;
        text.push_str("\n## The curve\n\n```\n");
        text.push_str(&csv);
        text.push_str("```\n");
    }
    let file = folder.join("report.md");
    fs::write(&file, &text)?;
    say(&format!("\n{text}\nThe same is in {}.", file.display()))?;
    Ok(())
}
