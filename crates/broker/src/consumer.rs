//! Consuming: one task for each message, at most `prefetch` of them, over any number of connections.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use messages::{Envelope, Message};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    Broker,
    connection::Live,
    error::{PublishError, chain, short},
    receipt::Receipt,
    retry::{GiveUp, Ladder},
    settle::{Delivered, Desk},
};

/// The longest that opening or cancelling a consumer may take.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(5);

/// A message, decoded.
#[derive(Debug)]
pub struct Delivery<M> {
    /// The message.
    pub message: M,
    /// What surrounded it.
    pub envelope: Envelope,
    /// True where it was delivered before, to whomever, and may have been worked on.
    pub redelivered: bool,
    /// True where [`Outcome::Retry`] means giving up.
    pub last_attempt: bool,
}

/// What a handler made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that follows from it is done and confirmed.
    Done,
    /// It may succeed later.
    Retry {
        /// Why it did not now.
        reason: String,
    },
    /// The process stops before it was done. It goes back to its queue at once, and none of its attempts is used up;
    /// so this is for the stop alone, for a message that is put back to wait would come again at once.
    PutBack,
    /// It never can succeed, and the handler has told whoever waits; a copy goes to the dead letters.
    Reject {
        /// Why it cannot.
        reason: String,
    },
}

/// What is done with messages of the family `M`. Each may come more than once.
pub trait Handler<M>: Send + Sync + 'static {
    /// Works on a message. A panic counts as [`Outcome::Retry`].
    fn handle(&self, delivery: &Delivery<M>) -> impl Future<Output = Outcome> + Send;

    /// Tells whoever waits that a message is given up: its attempts are exhausted, or it came too often without ever
    /// being settled, in which case no work was begun this time.
    ///
    /// # Errors
    /// Nobody could be told. The message is kept, and this is tried again later.
    fn give_up(
        &self,
        delivery: &Delivery<M>,
        why: &GiveUp,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// See [`Broker::consume`].
pub(crate) async fn consume<M: Message, H: Handler<M>>(
    broker: &Broker,
    handler: H,
    prefetch: u16,
    stop: CancellationToken,
) {
    let prefetch = prefetch.max(1);
    let names = broker.names();
    let ladder = Ladder::new(
        broker.publisher(),
        names.clone(),
        M::WORK,
        &broker.config.retry_delays,
    );
    let desk = Desk::new(handler, ladder, stop.clone());
    let mut counter = Counter {
        queue: names.queue(M::WORK),
        prefetch,
        patience: broker.config.confirm_timeout,
        desk: Arc::new(desk),
        permits: Arc::new(Semaphore::new(prefetch.into())),
        running: JoinSet::new(),
        stop,
    };
    // The channel must outlive the handlers, which acknowledge on it.
    let mut last_channel = None;
    while let Some(live) = counter.next_connection(broker).await {
        match counter.open(&live).await {
            Ok((channel, deliveries)) => {
                counter.serve(&live, &channel, deliveries).await;
                last_channel = Some(channel);
            }
            Err(reason) => live.suspect(reason),
        }
    }
    counter.drain().await;
    drop(last_channel);
}

/// Where messages are handed out.
struct Counter<M, H> {
    queue: String,
    prefetch: u16,
    /// How long settling a message may take.
    patience: Duration,
    desk: Arc<Desk<M, H>>,
    /// Counts the running handlers, over all connections.
    permits: Arc<Semaphore>,
    running: JoinSet<()>,
    stop: CancellationToken,
}

impl<M: Message, H: Handler<M>> Counter<M, H> {
    /// None once there is nothing more to do.
    async fn next_connection(&self, broker: &Broker) -> Option<Arc<Live>> {
        select! {
            biased;
            () = self.stop.cancelled() => None,
            live = broker.consuming.live() => live,
        }
    }

    async fn open(&self, live: &Live) -> Result<(Channel, lapin::Consumer), String> {
        let opening = async {
            let queue = short(&self.queue).map_err(|error| error.to_string())?;
            let said = |error: lapin::Error| format!("consuming cannot begin: {}", chain(&error));
            let channel = live.connection().create_channel().await.map_err(said)?;
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await
                .map_err(said)?;
            let options = BasicConsumeOptions::default();
            let deliveries = channel
                .basic_consume(queue, "".into(), options, FieldTable::default())
                .await
                .map_err(said)?;
            Ok((channel, deliveries))
        };
        live.until(Instant::now() + CONSUMER_TIMEOUT, opening)
            .await
            .unwrap_or_else(|| Err("consuming could not begin in time".to_owned()))
    }

    /// Hands out messages until told to stop, or until the connection is lost.
    async fn serve(&mut self, live: &Arc<Live>, channel: &Channel, mut deliveries: lapin::Consumer) {
        let stop = self.stop.clone();
        loop {
            let next = select! {
                biased;
                () = stop.cancelled() => return self.end(live, channel, deliveries).await,
                () = live.gone() => return,
                Some(ended) = self.running.join_next() => {
                    report(ended);
                    continue;
                }
                next = deliveries.next() => next,
            };
            match next {
                Some(Ok(delivered)) => {
                    let delivered = self.delivered(live, delivered);
                    let permit = select! {
                        biased;
                        () = stop.cancelled() => None,
                        () = live.gone() => None,
                        permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
                    };
                    match permit {
                        Some(permit) => self.hand_out(delivered, permit),
                        None => delivered.receipt.put_back().await,
                    }
                }
                Some(Err(error)) => live.suspect(format!("consuming ended: {}", chain(&error))),
                None => {
                    live.suspect("the broker cancelled the consumer");
                    return;
                }
            }
        }
    }

    fn hand_out(&mut self, delivered: Delivered, permit: OwnedSemaphorePermit) {
        let desk = Arc::clone(&self.desk);
        self.running.spawn(async move {
            desk.handle(delivered).await;
            drop(permit);
        });
    }

    /// Takes no more messages, and returns those that came too late to be begun.
    async fn end(&self, live: &Arc<Live>, channel: &Channel, mut deliveries: lapin::Consumer) {
        let cancelling = channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
        let _the_channel_closes_anyway = live.until(Instant::now() + CONSUMER_TIMEOUT, cancelling).await;
        while let Some(Some(Ok(delivered))) = deliveries.next().now_or_never() {
            self.delivered(live, delivered).receipt.put_back().await;
        }
    }

    fn delivered(&self, live: &Arc<Live>, delivered: lapin::message::Delivery) -> Delivered {
        Delivered {
            receipt: Receipt::new(delivered.acker, Arc::clone(live), self.patience),
            properties: delivered.properties,
            body: delivered.data,
            redelivered: delivered.redelivered,
        }
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            report(ended);
        }
    }
}

/// Handlers are guarded, so a task that ends badly is a fault of this crate.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(fault) = ended {
        error!(error = %fault, "handling a message ended without settling it");
    }
}
