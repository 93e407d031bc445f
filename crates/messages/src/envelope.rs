//! What surrounds a body: the AMQP properties and headers, without an AMQP client.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The header that counts how often a message has been tried; it survives republishing, which `x-death` does not.
pub const ATTEMPT_HEADER: &str = "x-attempt";
/// The header that carries the request that caused a message.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
/// The header of W3C Trace Context.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// The properties and headers of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// AMQP `message_id`; the same through every retry.
    pub message_id: Uuid,
    /// AMQP `correlation_id`: the image that the message is about.
    pub correlation_id: Uuid,
    /// AMQP `timestamp`, to the second.
    pub timestamp: DateTime<Utc>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}

impl Envelope {
    /// The envelope of a message that is sent for the first time.
    pub fn first(correlation_id: Uuid, request_id: Option<String>, traceparent: Option<String>) -> Self {
        let message_id = Uuid::now_v7();
        Self {
            message_id,
            correlation_id,
            timestamp: Utc::now(),
            attempt: 1,
            request_id,
            traceparent,
        }
    }

    /// The envelope of an answer to this message: the same request and trace, a message of its own.
    #[must_use]
    pub fn answer(&self) -> Self {
        Self::first(
            self.correlation_id,
            self.request_id.clone(),
            self.traceparent.clone(),
        )
    }
}
