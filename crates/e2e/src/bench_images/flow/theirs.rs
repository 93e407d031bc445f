//! The peer's worker, with Redis before it.

use std::process::Stdio;

use imaging::{ALLOCATOR_TUNABLES, ALLOCATOR_VARIABLE};
use testkit::{Binary, TestBucket, TestRedis, Variables, services};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{FlowTurn, PATIENCE, WARM_UP, measured};
use crate::bench_images::{Fault, job::Job, peer::Peer};

/// The rooms of the worker, and who makes jobs for it.
pub(super) struct Theirs {
    node: String,
    worker: String,
    rooms: Variables,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// It is killed with this value, and then its keys are deleted.
    _producer: Child,
    _redis: TestRedis,
}

impl Theirs {
    pub(super) async fn prepare(peer: &Peer, bucket: &TestBucket) -> Result<Self, Fault> {
        let redis = TestRedis::create();
        let rooms = rooms(&redis, bucket);
        let mut producer = Command::new(&peer.node)
            .arg(peer.script("producer.js"))
            .envs(rooms.clone())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = producer.stdin.take().zip(producer.stdout.take());
        let (input, output) = pipes.ok_or("a child has no pipes")?;
        let mut theirs = Self {
            node: peer.node.display().to_string(),
            worker: peer.script("worker.js"),
            rooms,
            input,
            output: BufReader::new(output).lines(),
            _producer: producer,
            _redis: redis,
        };
        theirs.expect("ready").await?;
        Ok(theirs)
    }

    /// Starts a worker, warms it up, lets it do the pictures, and ends it.
    pub(super) async fn turn(
        &mut self,
        job: &Job,
        urls: &[String],
        concurrency: usize,
    ) -> Result<FlowTurn, Fault> {
        let [jpeg, webp, effort] = job.numbers().map(|number| number.to_string());
        let own = [
            ("JPEG", jpeg),
            ("WEBP", webp),
            ("EFFORT", effort),
            ("CONCURRENCY", concurrency.to_string()),
            // As ours starts its renderers.
            (ALLOCATOR_VARIABLE, ALLOCATOR_TUNABLES.to_owned()),
        ];
        let variables = self.rooms.iter().cloned().chain(own.map(named));
        let mut worker = Binary::start(&self.node, &[&self.worker], variables);
        worker.wait_for_line("taking jobs", PATIENCE).await;
        self.process(&urls[..WARM_UP.min(urls.len())]).await?;
        measured(worker.pid(), urls.len(), self.process(urls)).await
    }

    async fn process(&mut self, urls: &[String]) -> Result<(), Fault> {
        // The empty line behind them sets it off.
        let lines = format!("{}\n\n", urls.join("\n"));
        self.input.write_all(lines.as_bytes()).await?;
        self.input.flush().await?;
        for _ in urls {
            self.expect("completed").await?;
        }
        Ok(())
    }

    async fn expect(&mut self, word: &str) -> Result<(), Fault> {
        match self.output.next_line().await? {
            Some(line) if line == word => Ok(()),
            other => Err(format!("the peer said {other:?} instead of {word:?}").into()),
        }
    }
}

fn rooms(redis: &TestRedis, bucket: &TestBucket) -> Variables {
    let services = services();
    let rooms = [
        ("REDIS_HOST", redis.host.clone()),
        ("REDIS_PORT", redis.port.to_string()),
        ("REDIS_PREFIX", redis.prefix().to_owned()),
        ("S3_BUCKET", bucket.name().to_owned()),
        ("S3_ENDPOINT", services.s3_endpoint.clone()),
        ("S3_REGION", services.s3_region.clone()),
        ("S3_ACCESS_KEY_ID", services.s3_access_key_id.clone()),
        ("S3_SECRET_ACCESS_KEY", services.s3_secret_access_key.clone()),
    ];
    rooms.map(named).to_vec()
}

fn named((name, value): (&str, String)) -> (String, String) {
    (format!("BENCH_{name}"), value)
}
