//! This project's worker, with RabbitMQ before and behind it.

use std::{env, time::Duration};

use broker::{Broker, BrokerConfig, Delivery, GiveUp, Handler, Outcome, Outgoing, PublishError};
use domain::{AccountId, ImageId, ProductId};
use messages::{Envelope, ImageProcessV1, ImageResult, ImageSource, Message as _, Work};
use testkit::{Binary, Signal, TestBroker, TestBucket, Variables};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::{CONCURRENCY, FlowTurn, PATIENCE, WARM_UP, measured};
use crate::bench_images::{
    Fault,
    job::{EDGES, Job},
};

/// Results taken at once; many more than can come.
const PREFETCH: u16 = 100;

/// The rooms of the worker, and this side of its queues.
pub(super) struct Ours {
    program: String,
    rooms: Variables,
    broker: Broker,
    results: UnboundedReceiver<ImageResult>,
    stop: CancellationToken,
    /// Its queues end with it.
    _rabbit: TestBroker,
}

impl Ours {
    pub(super) async fn prepare(bucket: &TestBucket) -> Result<Self, Fault> {
        let rabbit = TestBroker::create().await;
        let program = env::current_exe()?.with_file_name("image-worker");
        let stop = CancellationToken::new();
        let broker = Broker::start(config(&rabbit), stop.clone());
        let (sender, results) = unbounded_channel();
        let consuming = broker.clone();
        let stop_consuming = stop.clone();
        tokio::spawn(async move {
            consuming
                .consume::<ImageResult, _>(Listener(sender), PREFETCH, stop_consuming)
                .await;
        });
        Ok(Self {
            program: program.display().to_string(),
            rooms: [rabbit.settings(), bucket.settings()].concat(),
            broker,
            results,
            stop,
            _rabbit: rabbit,
        })
    }

    /// Starts a worker, warms it up, lets it do the pictures, and stops it.
    pub(super) async fn turn(&mut self, job: &Job, urls: &[String]) -> Result<FlowTurn, Fault> {
        let variables = self.rooms.iter().cloned().chain(settings(job));
        let mut worker = Binary::start(&self.program, &[], variables);
        worker.wait_for_line("taking jobs", PATIENCE).await;
        let files = EDGES.len() * (1 + usize::from(job.webp.is_some()));
        self.process(&urls[..WARM_UP.min(urls.len())], files).await?;
        let done = measured(worker.pid(), urls.len(), self.process(urls, files)).await;
        // Politely, so that no message goes back to the queue.
        worker.signal(Signal::Term);
        worker.wait_for_exit(PATIENCE).await;
        done
    }

    async fn process(&mut self, urls: &[String], files: usize) -> Result<(), Fault> {
        let jobs = urls
            .iter()
            .map(|url| outgoing(url))
            .collect::<Result<Vec<_>, _>>()?;
        let sent = self.broker.publisher().publish_batch(&jobs).await;
        sent.into_iter().collect::<Result<(), _>>()?;
        let mut missing = urls.len();
        while missing > 0 {
            match self.results.recv().await {
                Some(ImageResult::Processed(done)) if done.variants.len() == files => missing -= 1,
                Some(ImageResult::Started(_)) => {}
                other => return Err(format!("a picture ended as {other:?}").into()),
            }
        }
        Ok(())
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // Before the queues go, lest somebody declares them anew.
        self.stop.cancel();
    }
}

struct Listener(UnboundedSender<ImageResult>);

impl Handler<ImageResult> for Listener {
    async fn handle(&self, delivery: &Delivery<ImageResult>) -> Outcome {
        // At the end nobody waits for what is left.
        let _ = self.0.send(delivery.message.clone());
        Outcome::Done
    }

    async fn give_up(&self, _: &Delivery<ImageResult>, _: &GiveUp) -> Result<(), PublishError> {
        Ok(())
    }
}

fn outgoing(url: &str) -> Result<Outgoing, Fault> {
    let image_id = ImageId::generate();
    let job = messages::Job::Process(ImageProcessV1 {
        account_id: AccountId::DEFAULT,
        product_id: ProductId::generate(),
        image_id,
        generation: 1,
        source: ImageSource::Url { url: url.to_owned() },
    });
    Ok(Outgoing {
        work: Work::Jobs,
        type_name: job.type_name().to_owned(),
        envelope: Envelope::first(image_id.uuid(), None, None),
        body: job.encode()?,
    })
}

fn settings(job: &Job) -> Variables {
    let [jpeg, webp, method] = job.numbers();
    let mut settings = vec![
        ("PMS__WORKER__CONCURRENCY", CONCURRENCY.to_string()),
        ("PMS__IMAGES__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
        ("PMS__IMAGES__ALLOWED_PORTS", "[]".to_owned()),
        // The peer stores the variants and no more.
        ("PMS__IMAGES__KEEP_ORIGINALS", "false".to_owned()),
        ("PMS__LOGGING__FORMAT", "json".to_owned()),
        ("PMS__IMAGES__FORMATS__JPEG__QUALITY", jpeg.to_string()),
        ("PMS__IMAGES__FORMATS__WEBP__ENABLED", (webp > 0).to_string()),
    ];
    if webp > 0 {
        settings.push(("PMS__IMAGES__FORMATS__WEBP__QUALITY", webp.to_string()));
        settings.push(("PMS__IMAGES__FORMATS__WEBP__METHOD", method.to_string()));
    }
    let settings = settings.into_iter();
    settings.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn config(rabbit: &TestBroker) -> BrokerConfig {
    BrokerConfig {
        host: rabbit.host.clone(),
        port: rabbit.port,
        user: rabbit.user.clone(),
        password: rabbit.password.clone().into(),
        vhost: rabbit.vhost.clone(),
        prefix: rabbit.prefix().to_owned(),
        connect_timeout: Duration::from_secs(10),
        confirm_timeout: Duration::from_secs(20),
        // As in the settings of the worker, since both declare the same queues.
        retry_delays: [10, 60, 600].map(Duration::from_secs).to_vec(),
        connection_name: "bench-images".to_owned(),
    }
}
