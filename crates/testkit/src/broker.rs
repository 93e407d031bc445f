//! Names of its own in RabbitMQ per test.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{
        ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
    },
    types::FieldTable,
};
use messages::{Names, Work};
use tokio::time::timeout;
use url::Url;

use crate::{apart::clean_up, services::services, unique};

/// The rungs of the retry ladder, unless a test has others.
const RETRY_DELAYS: [Duration; 3] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
];

/// How long opening a connection or a channel may take; the client has no bound of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A prefix for exchanges and queues, all of which are deleted at the end.
pub struct TestBroker {
    prefix: String,
    connection: tokio::sync::Mutex<Connection>,
    queues: Mutex<Vec<String>>,
    /// `amqp://user:password@host:port/vhost`
    pub url: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// Virtual host.
    pub vhost: String,
}

impl TestBroker {
    /// Invents a prefix. Nothing is declared.
    pub async fn create() -> Self {
        let url = services().amqp_url.clone();
        let connection = connect(&url)
            .await
            .expect("RabbitMQ answers; `make services` starts it");
        let parsed = Url::parse(&url).expect("PMS_TEST_AMQP_URL is a URL");
        let vhost = match parsed.path().trim_start_matches('/') {
            "" | "%2f" | "%2F" => "/".to_owned(),
            name => name.to_owned(),
        };
        let broker = Self {
            prefix: format!("test-{}", unique()),
            connection: connection.into(),
            queues: Mutex::default(),
            host: parsed.host_str().unwrap_or("127.0.0.1").to_owned(),
            port: parsed.port().unwrap_or(5672),
            user: parsed.username().to_owned(),
            password: parsed.password().unwrap_or_default().to_owned(),
            vhost,
            url,
        };
        broker.delete_retry_queues_at_the_end(&RETRY_DELAYS);
        broker
    }

    /// The prefix, for `rabbitmq.prefix`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// All names beneath the prefix.
    pub fn names(&self) -> Names {
        Names::new(&self.prefix)
    }

    /// Says which delays the test's own retry ladder has, so that its queues are deleted, too.
    pub fn delete_retry_queues_at_the_end(&self, delays: &[Duration]) {
        let names = self.names();
        for work in Work::ALL {
            for delay in delays {
                self.delete_queue_at_the_end(names.retry_queue(work, *delay));
            }
        }
    }

    /// Says that a queue beyond those of the design will be there.
    pub fn delete_queue_at_the_end(&self, queue: String) {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(queue);
    }

    /// A channel beside those of the code under test.
    pub async fn channel(&self) -> Channel {
        self.try_channel().await.expect("a channel can be opened")
    }

    /// A channel, on a new connection where the old one has been lost; none where RabbitMQ does not answer.
    pub async fn try_channel(&self) -> Option<Channel> {
        let mut connection = self.connection.lock().await;
        if let Ok(Ok(channel)) = timeout(CONNECT_TIMEOUT, connection.create_channel()).await {
            return Some(channel);
        }
        *connection = connect(&self.url).await?;
        timeout(CONNECT_TIMEOUT, connection.create_channel())
            .await
            .ok()?
            .ok()
    }

    /// How many messages are ready in the queue; none where there is no such queue.
    pub async fn queue_depth(&self, queue: &str) -> Option<u32> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        // A queue that is missing closes the channel, so each question has one of its own.
        let channel = self.channel().await;
        let found = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .ok()?;
        let _ = channel.close(200, "done".into()).await;
        Some(found.message_count())
    }

    /// Lets messages for a work queue lead nowhere.
    pub async fn unroute(&self, work: Work) {
        let (queue, exchange) = (self.names().queue(work), self.names().exchange(work));
        let unbound = self
            .channel()
            .await
            .queue_unbind(
                queue.as_str().into(),
                exchange.into(),
                queue.into(),
                FieldTable::default(),
            )
            .await;
        unbound.expect("the queue is bound");
    }

    /// Lets messages for a work queue reach it again.
    pub async fn route(&self, work: Work) {
        let (queue, exchange) = (self.names().queue(work), self.names().exchange(work));
        let options = QueueBindOptions::default();
        let channel = self.channel().await;
        let bound = channel
            .queue_bind(
                queue.as_str().into(),
                exchange.into(),
                queue.into(),
                options,
                FieldTable::default(),
            )
            .await;
        bound.expect("the queue can be bound");
    }

    /// Throws away what is ready in the queue.
    pub async fn purge(&self, queue: &str) {
        let channel = self.channel().await;
        channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await
            .expect("the queue can be purged");
        let _ = channel.close(200, "done".into()).await;
    }
}

async fn connect(url: &str) -> Option<Connection> {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    timeout(CONNECT_TIMEOUT, connecting).await.ok()?.ok()
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let names = self.names();
        let url = self.url.clone();
        let mut queues = std::mem::take(&mut *self.queues.lock().unwrap_or_else(PoisonError::into_inner));
        queues.push(names.dead());
        queues.extend(Work::ALL.map(|work| names.queue(work)));
        queues.extend(Work::ALL.map(|work| names.suspects_queue(work)));
        let exchanges = Work::ALL
            .map(|work| names.exchange(work))
            .into_iter()
            .chain([names.retry_exchange(), names.dead()]);
        let exchanges: Vec<_> = exchanges.collect();
        clean_up(|| async move {
            let Ok(connection) = Connection::connect(&url, ConnectionProperties::default()).await else {
                return;
            };
            let Ok(channel) = connection.create_channel().await else {
                return;
            };
            for queue in queues {
                let _ = channel
                    .queue_delete(queue.into(), QueueDeleteOptions::default())
                    .await;
            }
            for exchange in exchanges {
                let _ = channel
                    .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
                    .await;
            }
            let _ = connection.close(200, "done".into()).await;
        });
    }
}
