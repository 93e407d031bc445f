//! What a process of its own costs a picture. Nothing is asserted: the figures depend on the machine. To see them:
//! `cargo test --release -p image-worker --test it -- --ignored --nocapture isolation`

use std::{fs, time::Instant};

use bytes::Bytes;
use image_worker::{
    configure,
    render::{RenderLimits, Renderer},
};
use runtime::{
    Settings,
    settings::{LoadOptions, Program},
};
use testkit::pictures;

use crate::stage::{DEADLINE, worker_program};

const ROUNDS: usize = 41;

#[tokio::test]
#[ignore = "a measurement"]
async fn isolation_of_one_photograph_of_twelve_megapixels() {
    let options = LoadOptions::bare(Program::ImageWorker, "/nonexistent");
    let profile = configure::render_profile(&Settings::load(&options).unwrap().images);
    let source = Bytes::from(fs::read(pictures::photograph_rotated()).unwrap());
    let limits = RenderLimits {
        concurrency: 1,
        deadline: DEADLINE,
        source_bytes: 20 << 20,
    };
    let renderer = Renderer::new(
        worker_program(),
        profile.clone(),
        imaging::Tuning::default(),
        limits,
    );
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (begun, used) = (Instant::now(), cpu_seconds());
        imaging::render(&source, &profile).unwrap();
        here.push((begun.elapsed().as_secs_f64(), cpu_seconds() - used));

        let (begun, used) = (Instant::now(), cpu_seconds());
        renderer.render(source.clone()).await.unwrap();
        there.push((begun.elapsed().as_secs_f64(), cpu_seconds() - used));
    }
    // The first round starts the process.
    report("in this process", here.split_off(1));
    report("in one of its own", there.split_off(1));
}

#[expect(clippy::print_stdout, reason = "figures are what this is for")]
fn report(name: &str, rounds: Vec<(f64, f64)>) {
    let (mut wall, mut cpu): (Vec<f64>, Vec<f64>) = rounds.into_iter().unzip();
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let (wall, cpu) = (wall[ROUNDS / 2] * 1e3, cpu[ROUNDS / 2] * 1e3);
    println!(
        "{name}: {wall:.2} ms, {cpu:.2} ms of a processor (medians of {})",
        ROUNDS - 1
    );
}

/// Of all threads of this process and of its children, from the kernel's scheduler.
fn cpu_seconds() -> f64 {
    let own = std::process::id().to_string();
    let is_ours = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        *pid == own || parent == Some(&own)
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.parse::<u32>().is_ok().then_some(name)
    });
    let threads = processes.filter(is_ours).flat_map(|pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        tasks.into_iter().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
    });
    threads.sum::<f64>() / 1e9
}
