//! Copies of what passes an exchange, to be delivered again: what at-least-once delivery allows at any time.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel,
    options::{BasicGetOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use messages::Work;
use tokio::time::timeout;

use crate::TestBroker;

/// How long any step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// The header that says why a message was given up.
const DEAD_REASON: &str = "x-dead-reason";

/// A message as it was published.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The AMQP `type`.
    pub type_name: String,
    /// The AMQP `correlation_id`: the image.
    pub correlation_id: String,
    /// Why it is a dead letter, where it is one.
    pub dead_reason: Option<String>,
    properties: BasicProperties,
    /// The body.
    pub body: Vec<u8>,
}

/// A second queue behind the exchange of some work, which gets a copy of all that is published there. It is deleted
/// with the broker's names.
#[derive(Debug)]
pub struct Spy {
    queue: String,
    target: String,
}

impl Spy {
    /// One that copies what is published for some work. The exchange must be there.
    ///
    /// # Errors
    /// What RabbitMQ says, in words.
    pub async fn place(broker: &TestBroker, work: Work) -> Result<Self, String> {
        let names = broker.names();
        Self::place_before(broker, names.exchange(work), names.queue(work)).await
    }

    /// One that copies what becomes a dead letter. The exchange must be there.
    ///
    /// # Errors
    /// What RabbitMQ says, in words.
    pub async fn place_among_the_dead(broker: &TestBroker) -> Result<Self, String> {
        let dead = broker.names().dead();
        Self::place_before(broker, dead.clone(), dead).await
    }

    async fn place_before(broker: &TestBroker, exchange: String, target: String) -> Result<Self, String> {
        let queue = format!("{target}.spy");
        broker.delete_queue_at_the_end(queue.clone());
        let channel = open(broker).await?;
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        bounded(channel.queue_declare(queue.as_str().into(), options, FieldTable::default())).await?;
        bounded(channel.queue_bind(
            queue.as_str().into(),
            exchange.into(),
            target.as_str().into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        let _ = channel.close(200, "done".into()).await;
        Ok(Self { queue, target })
    }

    /// Takes what has been copied since, at most so many.
    ///
    /// # Errors
    /// What RabbitMQ says, in words.
    pub async fn collect(&self, broker: &TestBroker, limit: usize) -> Result<Vec<Copied>, String> {
        take_all(broker, &self.queue, limit).await
    }

    /// Delivers copies to the queue that the originals went to, and to no other.
    ///
    /// # Errors
    /// What RabbitMQ says, in words.
    pub async fn deliver_again(&self, broker: &TestBroker, copies: &[Copied]) -> Result<(), String> {
        let channel = open(broker).await?;
        for copy in copies {
            bounded(channel.basic_publish(
                "".into(),
                self.target.as_str().into(),
                BasicPublishOptions::default(),
                &copy.body,
                copy.properties.clone(),
            ))
            .await?;
        }
        bounded(channel.close(200, "done".into())).await
    }
}

impl TestBroker {
    /// Takes everything that is ready in a queue, at most so many.
    ///
    /// # Errors
    /// What RabbitMQ says, in words.
    pub async fn take_all(&self, queue: &str, limit: usize) -> Result<Vec<Copied>, String> {
        take_all(self, queue, limit).await
    }
}

async fn take_all(broker: &TestBroker, queue: &str, limit: usize) -> Result<Vec<Copied>, String> {
    let channel = open(broker).await?;
    let mut taken = Vec::new();
    while taken.len() < limit {
        let got = bounded(channel.basic_get(queue.into(), BasicGetOptions { no_ack: true })).await;
        let message = match got {
            Ok(Some(message)) => message,
            Ok(None) => break,
            // What was taken is nowhere else any more.
            Err(_) if !taken.is_empty() => break,
            Err(error) => return Err(error),
        };
        let message = message.delivery;
        let text = |value: &Option<lapin::types::ShortString>| {
            value.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let headers = message.properties.headers().as_ref();
        let reason = headers.and_then(|headers| headers.inner().get(DEAD_REASON));
        taken.push(Copied {
            dead_reason: reason
                .and_then(|reason| reason.as_long_string())
                .map(ToString::to_string),
            type_name: text(message.properties.kind()),
            correlation_id: text(message.properties.correlation_id()),
            properties: message.properties,
            body: message.data,
        });
    }
    let _ = channel.close(200, "done".into()).await;
    Ok(taken)
}

async fn open(broker: &TestBroker) -> Result<Channel, String> {
    let channel = broker.try_channel().await;
    channel.ok_or_else(|| "RabbitMQ does not answer".to_owned())
}

async fn bounded<T>(step: impl Future<Output = Result<T, lapin::Error>>) -> Result<T, String> {
    match timeout(STEP_TIMEOUT, step).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("RabbitMQ does not answer in time".to_owned()),
    }
}
