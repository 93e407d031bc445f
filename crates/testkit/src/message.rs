//! A message as it lies in a queue.

use std::time::Duration;

use lapin::{
    options::BasicGetOptions,
    types::{AMQPValue, FieldTable},
};

use crate::{TestBroker, eventually};

/// A message, taken off its queue.
#[derive(Debug)]
pub struct TakenMessage {
    /// The AMQP `type`.
    pub type_name: String,
    /// The AMQP `message_id`.
    pub message_id: String,
    /// The AMQP `correlation_id`.
    pub correlation_id: String,
    /// The body.
    pub body: Vec<u8>,
    headers: FieldTable,
}

impl TakenMessage {
    /// The value of a header as text, empty where it is absent.
    pub fn header(&self, name: &str) -> String {
        match self.headers.inner().get(name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            Some(AMQPValue::ShortString(text)) => text.to_string(),
            Some(AMQPValue::LongInt(number)) => number.to_string(),
            Some(AMQPValue::LongUInt(number)) => number.to_string(),
            Some(AMQPValue::LongLongInt(number)) => number.to_string(),
            Some(other) => format!("{other:?}"),
            None => String::new(),
        }
    }
}

impl TestBroker {
    /// Takes the next message off a queue, waiting for it at most `patience`.
    pub async fn take(&self, queue: &str, patience: Duration) -> TakenMessage {
        eventually(patience, async || {
            // A queue that is not there yet closes the channel, so each look has one of its own.
            let channel = self.channel().await;
            let options = BasicGetOptions { no_ack: true };
            let message = channel.basic_get(queue.into(), options).await.ok()??.delivery;
            let text = |value: &Option<lapin::types::ShortString>| {
                value.as_ref().map(ToString::to_string).unwrap_or_default()
            };
            Some(TakenMessage {
                type_name: text(message.properties.kind()),
                message_id: text(message.properties.message_id()),
                correlation_id: text(message.properties.correlation_id()),
                headers: message.properties.headers().clone().unwrap_or_default(),
                body: message.data.clone(),
            })
        })
        .await
    }
}
