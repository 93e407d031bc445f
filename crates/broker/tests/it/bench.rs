//! Where each test works: names of its own in the shared RabbitMQ, removed when it ends, however it ends.

use std::{
    fs,
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    sync::Once,
    time::{Duration, Instant},
};

use broker::{Broker, BrokerConfig, Delivery, GiveUp, Handler, Outcome, PublishError};
use domain::{AccountId, ImageId, ProductId};
use futures_util::FutureExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{
        BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
    uri::AMQPUri,
};
use messages::{Envelope, ImageProcessV1, ImageSource, Job, Names, Work};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::set_global_default;
use tracing_subscriber::{Registry, filter::LevelFilter, layer::SubscriberExt as _};
use uuid::Uuid;

/// The longest that anything in these tests is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(300)];

pub(crate) struct Bench {
    pub(crate) config: BrokerConfig,
    pub(crate) names: Names,
    /// Past proxies, and past the crate under test.
    pub(crate) channel: Channel,
    pub(crate) connection: Connection,
    /// Ends every broker of the test, lest one declares again what is being removed.
    end: CancellationToken,
}

/// Runs a test on a bench of its own.
pub(crate) async fn on_bench(test: impl AsyncFnOnce(&Bench)) {
    wake_every_event();
    let bench = Bench::set_up().await;
    let result = AssertUnwindSafe(test(&bench)).catch_unwind().await;
    bench.tear_down().await;
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

/// An event that is met first on a thread without a subscriber, while one test at most listens, would count as unheard
/// by all from then on. With a subscriber for every thread, from before the first event, there is no such thread.
fn wake_every_event() {
    static DONE: Once = Once::new();
    DONE.call_once(|| set_global_default(Registry::default().with(LevelFilter::INFO)).unwrap());
}

impl Bench {
    async fn set_up() -> Self {
        let uri: AMQPUri = url().parse().unwrap();
        let config = BrokerConfig {
            host: uri.authority.host.clone(),
            port: uri.authority.port,
            user: uri.authority.userinfo.username.clone(),
            password: uri.authority.userinfo.password.clone().into(),
            vhost: uri.vhost.clone(),
            prefix: format!("test-{}", Uuid::now_v7().simple()),
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(10),
            retry_delays: RETRY_DELAYS.to_vec(),
            connection_name: "broker tests".to_owned(),
        };
        let connection = Connection::connect_uri(uri, ConnectionProperties::default())
            .await
            .expect("RabbitMQ answers; `deploy/local/services start rabbitmq` starts it");
        Self {
            names: Names::new(&config.prefix),
            channel: connection.create_channel().await.unwrap(),
            connection,
            end: CancellationToken::new(),
            config,
        }
    }

    async fn tear_down(&self) {
        self.end.cancel();
        let channel = self.connection.create_channel().await.unwrap();
        for queue in self.queues() {
            let options = QueueDeleteOptions::default();
            channel.queue_delete(queue.into(), options).await.unwrap();
        }
        let names = &self.names;
        let work = Work::ALL.map(|work| names.exchange(work));
        for exchange in work.into_iter().chain([names.retry_exchange(), names.dead()]) {
            let options = ExchangeDeleteOptions::default();
            channel.exchange_delete(exchange.into(), options).await.unwrap();
        }
    }

    pub(crate) fn queues(&self) -> Vec<String> {
        let of_work = |work| {
            let retries = RETRY_DELAYS.map(|delay| self.names.retry_queue(work, delay));
            let fed = [self.names.queue(work), self.names.suspects_queue(work)];
            retries.into_iter().chain(fed)
        };
        let queues = Work::ALL.into_iter().flat_map(of_work);
        queues.chain([self.names.dead()]).collect()
    }

    /// A broker that is connected.
    pub(crate) async fn broker(&self) -> (Broker, CancellationToken) {
        self.started(self.config.clone()).await
    }

    /// A broker that is connected as the configuration says.
    pub(crate) async fn started(&self, config: BrokerConfig) -> (Broker, CancellationToken) {
        let stop = self.end.child_token();
        let broker = Broker::start(config, stop.clone());
        eventually("a connection", async || broker.is_connected().then_some(())).await;
        (broker, stop)
    }

    /// How many messages wait in a queue.
    pub(crate) async fn depth(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default());
        declared.await.unwrap().message_count()
    }

    pub(crate) async fn jobs_left(&self) -> u32 {
        self.depth(&self.names.queue(Work::Jobs)).await
    }

    /// Takes a message out of a queue, waiting for it.
    pub(crate) async fn take(&self, queue: &str) -> BasicGetMessage {
        eventually("a message", async || {
            let options = BasicGetOptions { no_ack: true };
            self.channel.basic_get(queue.into(), options).await.unwrap()
        })
        .await
    }

    /// Takes a message, as a process does that is killed in the middle of its work.
    pub(crate) async fn take_and_die(&self, queue: &str) {
        let channel = self.connection.create_channel().await.unwrap();
        eventually("a message", async || {
            let options = BasicGetOptions { no_ack: false };
            channel.basic_get(queue.into(), options).await.unwrap()
        })
        .await;
        channel.close(200, "OK".into()).await.unwrap();
    }

    /// Puts anything into the queue of jobs.
    pub(crate) async fn put(&self, properties: BasicProperties, body: &[u8]) {
        self.put_into(&self.names.queue(Work::Jobs), properties, body)
            .await;
    }

    /// Puts anything into a queue.
    pub(crate) async fn put_into(&self, queue: &str, properties: BasicProperties, body: &[u8]) {
        let options = BasicPublishOptions::default();
        let published = self
            .channel
            .basic_publish("".into(), queue.into(), options, body, properties);
        published.await.unwrap();
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A job about a picture of its own, with its envelope.
pub(crate) fn job(address: &str) -> (Envelope, Job) {
    let image_id = ImageId::generate();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = format!("request-{image_id}");
    let envelope = Envelope::first(image_id.uuid(), Some(request), Some(trace.to_owned()));
    let body = ImageProcessV1 {
        account_id: AccountId::DEFAULT,
        product_id: ProductId::generate(),
        image_id,
        generation: 1,
        source: ImageSource::Url {
            url: address.to_owned(),
        },
    };
    (envelope, Job::Process(body))
}

/// The address in a job.
pub(crate) fn address(delivery: &Delivery<Job>) -> &str {
    match &delivery.message {
        Job::Process(ImageProcessV1 {
            source: ImageSource::Url { url },
            ..
        }) => url,
        _ => "",
    }
}

/// What a handler was asked.
#[derive(Debug)]
pub(crate) enum Call {
    Handle { envelope: Envelope, last_attempt: bool },
    GiveUp { envelope: Envelope, why: GiveUp },
}

/// A handler that tells what it is asked, and acts as the test says.
pub(crate) struct Scripted<F, G> {
    calls: UnboundedSender<Call>,
    act: F,
    tell: G,
}

/// Tells who waits.
type Told = fn() -> Result<(), PublishError>;

/// A handler that acts as `act` says, and can always tell who waits.
pub(crate) fn scripted<F: AsyncAct>(act: F) -> (Scripted<F, Told>, Calls) {
    scripted_with(act, || Ok(()))
}

pub(crate) fn scripted_with<F: AsyncAct, G>(act: F, tell: G) -> (Scripted<F, G>, Calls) {
    let (calls, received) = unbounded_channel();
    (Scripted { calls, act, tell }, Calls(received))
}

/// What a scripted handler does; an ordinary function does it at once.
pub(crate) trait AsyncAct: Send + Sync + 'static {
    fn act(&self, delivery: &Delivery<Job>) -> impl Future<Output = Outcome> + Send;
}

impl<F: Fn(&Delivery<Job>) -> Outcome + Send + Sync + 'static> AsyncAct for F {
    async fn act(&self, delivery: &Delivery<Job>) -> Outcome {
        self(delivery)
    }
}

impl<F: AsyncAct, G: Fn() -> Result<(), PublishError> + Send + Sync + 'static> Handler<Job>
    for Scripted<F, G>
{
    async fn handle(&self, delivery: &Delivery<Job>) -> Outcome {
        let _the_test_may_be_over = self.calls.send(Call::Handle {
            envelope: delivery.envelope.clone(),
            last_attempt: delivery.last_attempt,
        });
        self.act.act(delivery).await
    }

    async fn give_up(&self, delivery: &Delivery<Job>, why: &GiveUp) -> Result<(), PublishError> {
        let _the_test_may_be_over = self.calls.send(Call::GiveUp {
            envelope: delivery.envelope.clone(),
            why: why.clone(),
        });
        (self.tell)()
    }
}

pub(crate) struct Calls(UnboundedReceiver<Call>);

impl Calls {
    pub(crate) async fn next(&mut self) -> Call {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("waited in vain for a call")
            .expect("the handler lives")
    }

    pub(crate) async fn handled(&mut self) -> Envelope {
        match self.next().await {
            Call::Handle { envelope, .. } => envelope,
            other @ Call::GiveUp { .. } => panic!("expected work, not {other:?}"),
        }
    }

    pub(crate) async fn given_up(&mut self) -> (Envelope, GiveUp) {
        match self.next().await {
            Call::GiveUp { envelope, why } => (envelope, why),
            other @ Call::Handle { .. } => panic!("expected giving up, not {other:?}"),
        }
    }

    /// What has been called and not been looked at.
    pub(crate) fn rest(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// Runs a consumer with this handler until the token is cancelled.
pub(crate) fn consuming<H: Handler<Job>>(
    broker: &Broker,
    handler: H,
    prefetch: u16,
) -> (tokio::task::JoinHandle<()>, CancellationToken) {
    let (broker, stop) = (broker.clone(), CancellationToken::new());
    let token = stop.clone();
    let task = tokio::spawn(async move { broker.consume(handler, prefetch, token).await });
    (task, stop)
}

/// Where RabbitMQ is: from the environment, else from the file that starting the local services leaves.
fn url() -> String {
    const NAME: &str = "PMS_TEST_AMQP_URL";
    if let Ok(url) = std::env::var(NAME) {
        return url;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.local/services.env");
    let settings = fs::read_to_string(file).unwrap_or_default();
    let url = settings
        .lines()
        .find_map(|line| line.strip_prefix(NAME)?.strip_prefix('='));
    url.expect("PMS_TEST_AMQP_URL is set, or `deploy/local/services start` has run")
        .to_owned()
}
