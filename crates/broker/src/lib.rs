//! RabbitMQ, made dependable: supervised connections, a declared topology, confirmed publishing, and consuming with a
//! retry ladder.
//!
//! Three promises hold whatever the network does. A publish that returned `Ok` is stored in a queue. A message is
//! acknowledged only after everything that follows from it has been confirmed. Nothing waits for ever: each wait for
//! the broker has a bound, and a connection that does not keep to it is replaced.
//!
//! So a message is delivered at least once, never exactly once: a handler must bear seeing it twice.

#![forbid(unsafe_code)]

mod backfill;
mod config;
mod connection;
mod consumer;
mod dead_letter;
mod dead_letters;
mod delivered;
mod error;
mod handler;
mod headers;
mod hush;
mod properties;
mod publisher;
mod receipt;
mod retry;
mod sending;
mod settle;
mod supervisor;
mod survivors;
mod suspects;
mod topology;
mod verdict;

use std::sync::Arc;

use messages::{Message, Names, Work};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use backfill::BackfillShare;
pub use config::BrokerConfig;
pub use dead_letter::DeadLetter;
pub use dead_letters::DeadLetters;
pub use error::{BrokerError, PublishError};
pub use handler::{Delivery, Handler, Outcome};
pub use headers::{
    DEAD_REASON_HEADER, DIED_AT_HEADER, GIVEN_UP_HEADER, ORIGIN_HEADER, REASONS_HEADER, STARTS_HEADER,
};
pub use publisher::{Outgoing, Publisher};
pub use retry::GiveUp;

use connection::{Live, Role};
use supervisor::Link;

/// The way to RabbitMQ; clones share its connections.
#[derive(Clone, Debug)]
pub struct Broker {
    config: Arc<BrokerConfig>,
    publishing: Link,
    consuming: Link,
}

impl Broker {
    /// Connects once, declares exchanges and queues, and disconnects; for start-up messages and diagnosis.
    ///
    /// # Errors
    /// What is wrong, in words for the person who set the broker up.
    pub async fn check(config: &BrokerConfig) -> Result<(), BrokerError> {
        let live = Live::open(config, Role::Check).await?;
        live.close().await;
        Ok(())
    }

    /// Starts connecting in the background, and keeps on for as long as `stop` is not cancelled.
    ///
    /// Cancel `stop` only after the consumers have returned: they acknowledge, and their handlers publish, until then.
    /// Must be called within a Tokio runtime.
    pub fn start(config: BrokerConfig, stop: CancellationToken) -> Self {
        let config = Arc::new(config);
        let publishing = Link::start(Arc::clone(&config), Role::Publishing, stop.clone());
        let consuming = Link::start(Arc::clone(&config), Role::Consuming, stop);
        Self {
            config,
            publishing,
            consuming,
        }
    }

    /// True while messages can be published.
    pub fn is_connected(&self) -> bool {
        self.publishing.current().is_some()
    }

    /// Waits until messages can be published.
    pub async fn connected(&self) {
        self.publishing.live().await;
    }

    /// Publishes through the publishing connection, whichever that is at the time.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.publishing.clone(), self.names(), self.config.confirm_timeout)
    }

    /// The same for the backfill, whose queue others must not suffer from: where that confirms nothing, as without a
    /// quorum, the connection is not replaced.
    pub fn backfill_publisher(&self) -> Publisher {
        self.publisher().for_backfill()
    }

    /// The names of exchanges and queues beneath the configured prefix.
    pub fn names(&self) -> Names {
        self.config.names()
    }

    /// How many messages wait in the work's queue to be handed out; those that are being worked on are not counted.
    ///
    /// # Errors
    /// There is no connection at the moment, or no answer within the connect timeout.
    pub async fn queue_depth(&self, work: Work) -> Result<u32, BrokerError> {
        let address = self.config.address();
        let Some(live) = self.consuming.current() else {
            return Err(BrokerError::NotConnected { address });
        };
        let name = self.names().queue(work);
        let asking = async {
            let channel = live.connection().create_channel().await?;
            let found = topology::queue_look(&channel, &name).await?;
            channel.close(200, "OK".into()).await?;
            Ok(found.message_count())
        };
        let after = self.config.connect_timeout;
        let step = format!("looking at {name}");
        match live.until(Instant::now() + after, asking).await {
            Some(answer) => answer.map_err(|source| BrokerError::Queue {
                address,
                name,
                source,
            }),
            None => Err(BrokerError::Timeout { address, after, step }),
        }
    }

    /// Hands every message of the family `M` to `handler`, up to `prefetch` at once, until `stop` is cancelled.
    ///
    /// A message that was begun before and never settled is worked on alone: its process does nothing else meanwhile.
    /// After two such starts it is given up, the third in all. See [`Handler::MAY_END_PROCESS`] for those that are not.
    ///
    /// At the stop it takes no more, waits until the running handlers have ended and their messages are settled, and
    /// returns. Dropping the future instead ends the handlers where they are; their messages go back to the queue at
    /// once. So a bounded drain is a timeout around this future, begun when `stop` is cancelled.
    ///
    /// A lost connection ends nothing: handlers run on, and consuming begins anew on the next connection.
    pub async fn consume<M: Message, H: Handler<M>>(
        &self,
        handler: H,
        prefetch: u16,
        stop: CancellationToken,
    ) {
        consumer::consume(self, handler, prefetch, None, stop).await;
    }

    /// As [`Broker::consume`], and besides hands out the messages of [`Work::Backfill`], whose family is `M` too. They
    /// count among the `prefetch`, and `share` says when one of them is begun: never while another message waits here.
    pub async fn consume_with_backfill<M: Message, H: Handler<M>>(
        &self,
        handler: H,
        prefetch: u16,
        share: BackfillShare,
        stop: CancellationToken,
    ) {
        consumer::consume(self, handler, prefetch, Some(share), stop).await;
    }
}
