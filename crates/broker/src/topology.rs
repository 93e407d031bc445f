//! Exchanges and queues. A change of arguments must be a change of name: RabbitMQ refuses to redeclare.

use std::time::Duration;

use lapin::{
    Channel, Connection, ExchangeKind, Queue,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use messages::{Names, Work};

use crate::{
    config::BrokerConfig,
    error::{BrokerError, TooLong, short},
};

/// How often the broker itself delivers a message before it buries it, in case we never get to judge it. Must be
/// positive: RabbitMQ 3.10 takes -1 for "at once".
pub(crate) const WORK_DELIVERY_LIMIT: i32 = 20;
/// Looking at dead letters and putting them back counts as a delivery; a queue without a way out must not drop them.
const DEAD_DELIVERY_LIMIT: i32 = 1_000_000;

/// A queue and the exchange that feeds it; the routing key is the queue's name.
struct Declared {
    name: String,
    exchange: String,
    arguments: FieldTable,
}

/// Declares everything; what exists already, and is the same, stays as it is.
pub(crate) async fn declare(connection: &Connection, config: &BrokerConfig) -> Result<(), BrokerError> {
    let names = config.names();
    let steps = Steps { config };
    let channel = steps.run("a channel", connection.create_channel()).await?;
    for name in exchanges(&names) {
        steps
            .run(&name, declare_exchange(&channel, short(&name)?))
            .await?;
    }
    for queue in queues(&names, &config.retry_delays)? {
        let (name, exchange) = (short(&queue.name)?, short(&queue.exchange)?);
        let declared = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), queue.arguments);
        steps.run(&queue.name, declared).await?;
        let bound = channel.queue_bind(
            name.clone(),
            exchange,
            name,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        steps.run(&queue.name, bound).await?;
    }
    steps.run("a channel", channel.close(200, "OK".into())).await
}

/// Looks at a queue without changing it. One that is missing closes the channel.
pub(crate) async fn queue_look(channel: &Channel, queue: &str) -> lapin::Result<Queue> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
}

/// Gives each step a bound and, if it fails, its name.
struct Steps<'a> {
    config: &'a BrokerConfig,
}

impl Steps<'_> {
    async fn run<T>(
        &self,
        name: &str,
        step: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, BrokerError> {
        let address = self.config.address();
        let after = self.config.connect_timeout;
        match tokio::time::timeout(after, step).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(BrokerError::Topology {
                address,
                name: name.to_owned(),
                source,
            }),
            Err(_) => Err(BrokerError::Timeout {
                address,
                after,
                step: format!("declaring {name}"),
            }),
        }
    }
}

async fn declare_exchange(channel: &Channel, name: lapin::types::ShortString) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name, ExchangeKind::Direct, options, FieldTable::default())
        .await
}

fn exchanges(names: &Names) -> [String; 4] {
    [
        names.exchange(Work::Jobs),
        names.exchange(Work::Results),
        names.retry_exchange(),
        names.dead(),
    ]
}

fn queues(names: &Names, retry_delays: &[Duration]) -> Result<Vec<Declared>, TooLong> {
    let mut queues = vec![Declared {
        name: names.dead(),
        exchange: names.dead(),
        arguments: quorum([("x-delivery-limit", AMQPValue::LongInt(DEAD_DELIVERY_LIMIT))])?,
    }];
    for work in Work::ALL {
        let to_dead = dead_letters_to(&names.dead(), &names.dead());
        let limit = ("x-delivery-limit", AMQPValue::LongInt(WORK_DELIVERY_LIMIT));
        let arguments = quorum(to_dead.into_iter().chain([limit]))?;
        for name in [names.queue(work), names.suspects_queue(work)] {
            queues.push(Declared {
                name,
                exchange: names.exchange(work),
                arguments: arguments.clone(),
            });
        }
        for delay in retry_delays {
            let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let back = dead_letters_to(&names.exchange(work), &names.queue(work));
            let ttl = ("x-message-ttl", AMQPValue::LongLongInt(milliseconds));
            queues.push(Declared {
                name: names.retry_queue(work, *delay),
                exchange: names.retry_exchange(),
                arguments: quorum(back.into_iter().chain([ttl]))?,
            });
        }
    }
    Ok(queues)
}

/// Where messages go that leave a queue unconsumed: kept until the target has confirmed them, which RabbitMQ grants
/// only to queues that refuse, rather than drop, what does not fit.
fn dead_letters_to(exchange: &str, routing_key: &str) -> [(&'static str, AMQPValue); 4] {
    [
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-routing-key", text(routing_key)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn quorum(arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> Result<FieldTable, TooLong> {
    let mut table = FieldTable::default();
    table.insert(short("x-queue-type")?, text("quorum"));
    for (name, value) in arguments {
        table.insert(short(name)?, value);
    }
    Ok(table)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
