//! What the processes use up, by /proc and by what the services say.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use testkit::services;
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    evidence::{Evidence, Promise},
    stage::{POOL_SIZE, Stage},
    supervise::Supervised,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// A process is warm after this.
const WARM_AFTER: Duration = Duration::from_secs(20);
/// How much a process may grow after that, in KiB.
const GROWTH_MAX: u64 = 100 * 1_024;
/// The most files one may have open.
const FILES_MAX: u64 = 200;
/// Connections to Redis of one api: one for all reads, a few for scripts, and room for one that is being replaced.
const REDIS_CONNECTIONS_MAX: usize = 16;
/// Connections to RabbitMQ of one process: to publish and to consume, and room for one that is being replaced.
const AMQP_CONNECTIONS_MAX: usize = 3;

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    memory: u64,
    files: u64,
    threads: u64,
}

#[derive(Clone, Debug)]
struct History {
    name: String,
    first: Sample,
    last: Sample,
    most: Sample,
    samples: u32,
}

/// What each process has used since it was warm.
#[derive(Default)]
pub struct Resources(Mutex<BTreeMap<u32, History>>);

impl Resources {
    /// Looks until told to stop.
    pub async fn watch(&self, processes: &[Supervised], stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.look(processes);
            sleep(PAUSE).await;
        }
    }

    fn look(&self, processes: &[Supervised]) {
        for process in processes {
            let life = process.life();
            let Some(sample) = sample(life.pid).filter(|_| life.since.elapsed() >= WARM_AFTER) else {
                continue;
            };
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let history = all.entry(life.pid).or_insert_with(|| History {
                name: process.slot.name(),
                first: sample,
                last: sample,
                most: sample,
                samples: 0,
            });
            history.last = sample;
            history.samples += 1;
            history.most.memory = history.most.memory.max(sample.memory);
            history.most.files = history.most.files.max(sample.files);
            history.most.threads = history.most.threads.max(sample.threads);
        }
    }

    /// Judges every process that was looked at more than once; one line a process for the report.
    pub fn judge(&self, evidence: &Evidence) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for (pid, history) in all.iter().filter(|(_, history)| history.samples > 1) {
            let History {
                name,
                first,
                last,
                most,
                samples,
            } = history;
            let bounded = last.memory <= first.memory.saturating_mul(2).max(first.memory + GROWTH_MAX)
                && most.files <= FILES_MAX;
            evidence.check(Promise::ResourcesBounded, bounded, || {
                format!("{name} ({pid}): {history:?}")
            });
            lines.push(format!(
                "| {name} ({pid}) | {} | {} → {} (most {}) | {} → {} (most {}) | {} |",
                samples * PAUSE.as_secs() as u32,
                first.memory / 1_024,
                last.memory / 1_024,
                most.memory / 1_024,
                first.files,
                last.files,
                most.files,
                most.threads,
            ));
        }
        lines
    }
}

/// Judges the connections that are open when all is quiet; one line a service for the report.
pub async fn judge_connections(stage: &Arc<Stage>, evidence: &Evidence) -> Vec<String> {
    let mut lines = Vec::new();
    let mut judge = |what: &str, found: Option<usize>, bound: usize| {
        let Some(found) = found else { return };
        evidence.check(Promise::ResourcesBounded, found <= bound, || {
            format!("{found} connections to {what}, with at most {bound} expected")
        });
        lines.push(format!("| {what} | {found} | {bound} |"));
    };
    let query = "SELECT count(*) AS found FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = stage.database.rows(query).await.unwrap_or_default();
    let found = rows
        .first()
        .and_then(|row| serde_json::from_str::<Value>(row).ok());
    let found = found
        .and_then(|row| row["found"].as_u64())
        .map(|found| found as usize);
    // Beside its pool each api has a listener, and room for one that is being replaced.
    judge("PostgreSQL", found, 2 * (POOL_SIZE + 3));
    let shared = Arc::clone(stage);
    let found = spawn_blocking(move || shared.redis.connections().ok())
        .await
        .ok()
        .flatten();
    judge("Redis", found, 2 * REDIS_CONNECTIONS_MAX + 2);
    let found = management("/api/connections").await;
    let found = found.and_then(|list| list.as_array().map(Vec::len));
    judge("RabbitMQ", found, 4 * AMQP_CONNECTIONS_MAX + 2);
    lines
}

/// What RabbitMQ tells about itself; none where it does not, or nobody said where.
pub async fn management(path: &str) -> Option<Value> {
    let url = services().rabbitmq_management_url.as_ref()?;
    let answer = testkit::http_client()
        .get(format!("{url}{path}"))
        .send()
        .await
        .ok()?;
    answer.json().await.ok()
}

fn sample(pid: u32) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Sample {
        memory: number("VmRSS:")?,
        files: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64,
        threads: number("Threads:")?,
    })
}
