//! A worker in this process, with a broker prefix, a bucket and a web server of its own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use broker::{
    BackfillShare, Broker, BrokerConfig, Delivery, GiveUp, Handler, Outcome, Outgoing, PublishError,
};
use domain::{AccountId, ImageErrorCode, ImageId, ProductId};
use image_worker::{
    configure,
    failure::Failure,
    fetch::{AddressGuard, FetchError, FetchLimits, Fetched, Fetcher, HopGuard, Lookup},
    handler::JobHandler,
    patience::{LONGEST_WAIT, PatientStore},
    process::Processor,
    render::{CHILD_COMMAND, ChildProgram, RenderLimits, Renderer},
};
use messages::{
    Envelope, ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImageResult, ImageSource, Job, Message as _,
    Work,
};
use runtime::{
    Settings,
    settings::{LoadOptions, Program},
};
use storage_s3::{ObjectStore, S3Config};
use testkit::{Origin, TestBroker, TestBucket, eventually};
use tokio_util::sync::CancellationToken;

/// For anything that should have happened long before.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// For rendering; nothing here comes near it.
const RENDER_TIMEOUT: Duration = Duration::from_secs(50);
/// Three attempts in quick succession.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(150)];
/// Pictures at a time.
pub(crate) const CONCURRENCY: usize = 2;

/// Generous limits, but for the size.
pub(crate) const LIMITS: FetchLimits = FetchLimits {
    max_bytes: 4 << 20,
    max_stored_bytes: 5 << 20,
    max_redirects: 5,
    connect_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(10),
    total_timeout: Duration::from_secs(20),
    per_host: 4,
};

/// Everything that has been answered.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<Vec<ImageResult>>>);

impl Answers {
    /// Those so far about an image.
    pub(crate) fn about(&self, image_id: ImageId) -> Vec<ImageResult> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .iter()
            .filter(|answer| answer.image_id() == image_id)
            .cloned()
            .collect()
    }

    /// Waits for the last one about an image.
    pub(crate) async fn last(&self, image_id: ImageId) -> ImageResult {
        eventually(DEADLINE, || async {
            self.about(image_id)
                .into_iter()
                .find(|answer| !matches!(answer, ImageResult::Started(_)))
        })
        .await
    }
}

impl Handler<ImageResult> for Answers {
    async fn handle(&self, delivery: &Delivery<ImageResult>) -> Outcome {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(delivery.message.clone());
        Outcome::Done
    }

    async fn give_up(&self, _: &Delivery<ImageResult>, _: &GiveUp) -> Result<(), PublishError> {
        Ok(())
    }
}

/// See the module.
pub(crate) struct Stage {
    answers: Answers,
    broker: Broker,
    stop_jobs: CancellationToken,
    stop: CancellationToken,
    pub(crate) origin: Origin,
    pub(crate) bucket: TestBucket,
    /// The worker's own way to the bucket.
    pub(crate) store: ObjectStore,
    pub(crate) rabbit: TestBroker,
}

impl Stage {
    /// A worker that tries three times in quick succession.
    pub(crate) async fn open() -> Self {
        Self::with(LIMITS, &RETRY_DELAYS).await
    }

    /// A worker with other limits and another retry ladder.
    pub(crate) async fn with(limits: FetchLimits, retry_delays: &[Duration]) -> Self {
        Self::build(limits, retry_delays, LONGEST_WAIT, |_| {}).await
    }

    /// A worker whose way to the bucket `detour` has changed.
    pub(crate) async fn with_detour(detour: impl FnOnce(&mut S3Config)) -> Self {
        Self::build(LIMITS, &RETRY_DELAYS, LONGEST_WAIT, detour).await
    }

    /// A worker whose way to the bucket `detour` has changed, and that waits only so long for it.
    pub(crate) async fn with_patience(longest_wait: Duration, detour: impl FnOnce(&mut S3Config)) -> Self {
        Self::build(LIMITS, &RETRY_DELAYS, longest_wait, detour).await
    }

    /// A worker whose renderers are of another program.
    pub(crate) async fn with_renderers_of(program: ChildProgram) -> Self {
        Self::assemble(LIMITS, &RETRY_DELAYS, LONGEST_WAIT, program, |_| {}).await
    }

    /// A worker with everything decided but its renderers.
    pub(crate) async fn build(
        limits: FetchLimits,
        retry_delays: &[Duration],
        longest_wait: Duration,
        detour: impl FnOnce(&mut S3Config),
    ) -> Self {
        Self::assemble(limits, retry_delays, longest_wait, worker_program(), detour).await
    }

    async fn assemble(
        limits: FetchLimits,
        retry_delays: &[Duration],
        longest_wait: Duration,
        renderers: ChildProgram,
        detour: impl FnOnce(&mut S3Config),
    ) -> Self {
        let fetcher = fetcher(limits, HERE, Lookup::System);
        let rabbit = TestBroker::create().await;
        rabbit.delete_retry_queues_at_the_end(retry_delays);
        let bucket = TestBucket::create().await;
        let mut store = bucket.config();
        detour(&mut store);
        let store = ObjectStore::new(store).await.unwrap();
        let stop = CancellationToken::new();
        let stop_jobs = stop.child_token();
        let broker = Broker::start(broker_config(&rabbit, retry_delays), stop.clone());
        let options = LoadOptions::bare(Program::ImageWorker, "/nonexistent");
        let defaults = Settings::load(&options).unwrap().images;
        let handler = JobHandler::new(Processor {
            fetcher,
            renderer: Renderer::new(
                renderers,
                configure::render_profile(&defaults),
                configure::render_tuning(&defaults),
                RenderLimits {
                    deadline: RENDER_TIMEOUT,
                    ..configure::render_limits(&defaults, CONCURRENCY)
                },
            ),
            store: PatientStore::new(store.clone(), stop_jobs.clone(), longest_wait),
            keep_originals: defaults.keep_originals,
            publisher: broker.publisher(),
            stop: stop_jobs.clone(),
        });
        let answers = Answers::default();
        let (jobs, results) = (broker.clone(), broker.clone());
        let (stop_working, stop_results) = (stop_jobs.clone(), stop.clone());
        let share = BackfillShare { at_once: 1, below: 2 };
        tokio::spawn(async move {
            jobs.consume_with_backfill::<Job, _>(handler, 2, share, stop_working)
                .await;
        });
        let collecting = answers.clone();
        tokio::spawn(async move {
            results
                .consume::<ImageResult, _>(collecting, 10, stop_results)
                .await;
        });
        Self {
            answers,
            broker,
            stop_jobs,
            stop,
            origin: Origin::start().await,
            bucket,
            store,
            rabbit,
        }
    }

    /// Stops the worker in the orderly way; answers are still taken.
    pub(crate) fn stop_working(&self) {
        self.stop_jobs.cancel();
    }

    /// Publishes a job for a new image.
    pub(crate) async fn ask_for(&self, source: ImageSource) -> ImageProcessV1 {
        let job = ImageProcessV1 {
            account_id: AccountId::DEFAULT,
            product_id: ProductId::generate(),
            image_id: ImageId::generate(),
            generation: 1,
            source,
        };
        self.publish(&Job::Process(job.clone())).await;
        job
    }

    /// Publishes a job for a new image at this address.
    pub(crate) async fn ask_for_url(&self, url: impl Into<String>) -> ImageProcessV1 {
        self.ask_for(ImageSource::Url { url: url.into() }).await
    }

    /// Publishes any job.
    pub(crate) async fn publish(&self, job: &Job) {
        let request = Some("request-1".to_owned());
        let envelope = Envelope::first(job.image_id().uuid(), request, None);
        self.broker.publisher().publish(&envelope, job).await.unwrap();
    }

    /// Publishes any job to the backfill.
    pub(crate) async fn publish_backfill(&self, job: &Job) {
        let outgoing = Outgoing {
            work: Work::Backfill,
            type_name: job.type_name().to_owned(),
            envelope: Envelope::first(job.image_id().uuid(), None, None),
            body: job.encode().unwrap(),
        };
        for answer in self.broker.publisher().publish_batch(&[outgoing]).await {
            answer.unwrap();
        }
    }

    /// All answers so far about an image.
    pub(crate) fn answers(&self, image_id: ImageId) -> Vec<ImageResult> {
        self.answers.about(image_id)
    }

    /// Waits for the last answer about an image.
    pub(crate) async fn ended(&self, image_id: ImageId) -> ImageResult {
        self.answers.last(image_id).await
    }

    /// Waits until a job has succeeded.
    pub(crate) async fn processed(&self, job: &ImageProcessV1) -> ImageProcessedV1 {
        match self.ended(job.image_id).await {
            ImageResult::Processed(processed) => processed,
            other => panic!("{:?} ended as {other:?}", job.source),
        }
    }

    /// Waits until a job has failed.
    pub(crate) async fn failed(&self, job: &ImageProcessV1) -> ImageFailedV1 {
        match self.ended(job.image_id).await {
            ImageResult::Failed(failed) => failed,
            other => panic!("{:?} ended as {other:?}", job.source),
        }
    }

    /// Waits until so many messages are among the dead letters.
    pub(crate) async fn dead(&self, count: u32) {
        let dead = self.rabbit.names().dead();
        eventually(DEADLINE, || async {
            let depth = self.rabbit.queue_depth(&dead).await;
            (depth == Some(count)).then_some(())
        })
        .await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Before the queues go, lest somebody declares them anew.
        self.stop.cancel();
    }
}

/// The worker's own binary as a renderer.
pub(crate) fn worker_program() -> ChildProgram {
    ChildProgram::at(env!("CARGO_BIN_EXE_image-worker"), [CHILD_COMMAND])
}

/// The one address of this machine that is open to fetchers here.
pub(crate) const HERE: &[&str] = &["127.0.0.1/32"];

/// A fetcher for what this machine serves.
pub(crate) fn local_fetcher() -> Fetcher {
    fetcher(LIMITS, HERE, Lookup::System)
}

/// The code of a fetch that failed, and whether another attempt may help.
pub(crate) fn verdict(outcome: Result<Fetched, FetchError>) -> (ImageErrorCode, bool) {
    let failure = failure_of(outcome);
    (failure.code, failure.is_passing)
}

/// Why a fetch failed.
pub(crate) fn failure_of(outcome: Result<Fetched, FetchError>) -> Failure {
    match outcome.expect_err("the fetch should have failed") {
        FetchError::Failed(failure) => failure,
        FetchError::Stopping => panic!("nobody stops here"),
        FetchError::Crowded { host } => panic!("nobody else is at {host}"),
    }
}

/// A fetcher that may also connect to `opened`, at any port.
pub(crate) fn fetcher(limits: FetchLimits, opened: &[&str], lookup: Lookup) -> Fetcher {
    fetcher_at(limits, hop_guard(opened, &[]), lookup)
}

/// A fetcher that goes where `guard` lets it.
pub(crate) fn fetcher_at(limits: FetchLimits, guard: HopGuard, lookup: Lookup) -> Fetcher {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Fetcher::new(limits, guard, lookup, CancellationToken::new()).unwrap()
}

/// Lets through public addresses and `opened`, at `ports`; at every one where there are none.
pub(crate) fn hop_guard(opened: &[&str], ports: &[u16]) -> HopGuard {
    let opened = opened.iter().map(|network| network.parse().unwrap()).collect();
    HopGuard::new(AddressGuard::new(opened), ports.to_vec())
}

/// A broker beneath the prefix of the test.
pub(crate) fn broker_config(rabbit: &TestBroker, retry_delays: &[Duration]) -> BrokerConfig {
    BrokerConfig {
        host: rabbit.host.clone(),
        port: rabbit.port,
        user: rabbit.user.clone(),
        password: rabbit.password.clone().into(),
        vhost: rabbit.vhost.clone(),
        prefix: rabbit.prefix().to_owned(),
        connect_timeout: Duration::from_secs(10),
        confirm_timeout: Duration::from_secs(20),
        retry_delays: retry_delays.to_vec(),
        connection_name: "image-worker test".to_owned(),
    }
}
