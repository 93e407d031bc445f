//! The binary as a process, with a broker prefix, a bucket and a web server of its own.

use std::{collections::HashMap, fs, time::Duration};

use broker::Broker;
use domain::{AccountId, ImageId, ProductId};
use messages::{Envelope, ImageProcessV1, ImageResult, ImageSource, Job, Work};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use testkit::{Binary, Origin, TestBroker, TestBucket, eventually, services};
use tokio_util::sync::CancellationToken;

use crate::stage::{Answers, DEADLINE, broker_config};

/// Settings of a worker there.
pub(crate) fn variables(rabbit: &TestBroker, bucket: &TestBucket) -> HashMap<&'static str, String> {
    let services = services();
    HashMap::from([
        ("PMS__RABBITMQ__HOST", rabbit.host.clone()),
        ("PMS__RABBITMQ__PORT", rabbit.port.to_string()),
        ("PMS__RABBITMQ__USER", rabbit.user.clone()),
        ("PMS__RABBITMQ__PASSWORD", rabbit.password.clone()),
        ("PMS__RABBITMQ__VHOST", rabbit.vhost.clone()),
        ("PMS__RABBITMQ__PREFIX", rabbit.prefix().to_owned()),
        ("PMS__AWS__S3BUCKET", bucket.name().to_owned()),
        ("PMS__AWS__REGION", services.s3_region.clone()),
        ("PMS__AWS__ENDPOINT", services.s3_endpoint.clone()),
        ("PMS__AWS__ACCESS_KEY_ID", services.s3_access_key_id.clone()),
        (
            "PMS__AWS__SECRET_ACCESS_KEY",
            services.s3_secret_access_key.clone(),
        ),
        ("PMS__IMAGES__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
        ("PMS__IMAGES__ALLOWED_PORTS", "[]".to_owned()),
        ("PMS__LOGGING__FORMAT", "json".to_owned()),
    ])
}

/// A worker's surroundings, with a connection of the test's own.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    broker: Broker,
    stop: CancellationToken,
    pub(crate) bucket: TestBucket,
    pub(crate) rabbit: TestBroker,
}

impl Place {
    pub(crate) async fn make() -> Self {
        let rabbit = TestBroker::create().await;
        let stop = CancellationToken::new();
        let config = broker_config(&rabbit, &[10, 60, 600].map(Duration::from_secs));
        Self {
            origin: Origin::start().await,
            broker: Broker::start(config, stop.clone()),
            stop,
            bucket: TestBucket::create().await,
            rabbit,
        }
    }

    pub(crate) async fn start_worker(&self, more: &[(&'static str, &str)]) -> Binary {
        let mut variables = variables(&self.rabbit, &self.bucket);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut worker = Binary::start("image-worker", &[], variables);
        worker.wait_for_line("taking jobs", DEADLINE).await;
        worker
    }

    /// Takes the answers from the queue, from now on.
    pub(crate) fn collect(&self) -> Answers {
        let answers = Answers::default();
        let (broker, collecting, stop) = (self.broker.clone(), answers.clone(), self.stop.clone());
        tokio::spawn(async move { broker.consume::<ImageResult, _>(collecting, 50, stop).await });
        answers
    }

    pub(crate) async fn ask_for_url(&self, url: String) -> ImageId {
        let image_id = ImageId::generate();
        let job = Job::Process(ImageProcessV1 {
            account_id: AccountId::DEFAULT,
            product_id: ProductId::generate(),
            image_id,
            generation: 1,
            source: ImageSource::Url { url },
        });
        let envelope = Envelope::first(image_id.uuid(), Some("request-7".to_owned()), None);
        self.broker.publisher().publish(&envelope, &job).await.unwrap();
        image_id
    }

    /// Waits until so many messages are ready; nobody consumes the answers here.
    pub(crate) async fn ready(&self, work: Work, count: u32) {
        let queue = self.rabbit.names().queue(work);
        eventually(DEADLINE, || async {
            (self.rabbit.queue_depth(&queue).await == Some(count)).then_some(())
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before the queues go, lest somebody declares them anew.
        self.stop.cancel();
    }
}

/// The processes that a process has started and that have not ended.
pub(crate) fn children(pid: u32) -> Vec<String> {
    let is_child = |candidate: &String| {
        let stat = fs::read_to_string(format!("/proc/{candidate}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (fields.next(), fields.next());
        state != Some("Z") && parent == Some(&pid.to_string())
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(is_child)
        .collect()
}

/// Sends a signal to a process that may have ended.
pub(crate) fn send(pid: &str, signal: Signal) {
    let _ = signal::kill(Pid::from_raw(pid.parse().unwrap()), signal);
}

/// The most memory that a process has had, in bytes; none where it has ended.
pub(crate) fn peak(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}
