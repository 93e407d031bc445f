//! Consuming: one task for each message, at most `prefetch` of them, over any number of connections.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use messages::{Message, Names, Work};
use tokio::{
    select,
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    Broker,
    backfill::{Backfill, BackfillShare},
    connection::Live,
    delivered::{Delivered, Place},
    error::{chain, short},
    handler::Handler,
    receipt::Receipt,
    retry::Ladder,
    settle::Desk,
    suspects::Turns,
};

/// The longest that opening or cancelling a consumer may take.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(5);

/// See [`Broker::consume`] and [`Broker::consume_with_backfill`].
pub(crate) async fn consume<M: Message, H: Handler<M>>(
    broker: &Broker,
    handler: H,
    prefetch: u16,
    share: Option<BackfillShare>,
    stop: CancellationToken,
) {
    let prefetch = prefetch.max(1);
    let names = broker.names();
    let handler = Arc::new(handler);
    let desk = |work: Work| {
        let delays = &broker.config.retry_delays;
        let publisher = match work {
            Work::Backfill => broker.backfill_publisher(),
            Work::Jobs | Work::Results => broker.publisher(),
        };
        let ladder = Ladder::new(publisher, names.clone(), work, delays);
        Desk::new(Arc::clone(&handler), ladder, stop.clone())
    };
    let mut counter = Counter {
        prefetch,
        patience: broker.config.confirm_timeout,
        desk: Arc::new(desk(M::WORK)),
        backfill: share.map(|share| Backfill::new(desk(Work::Backfill), share)),
        names: names.clone(),
        permits: Arc::new(Semaphore::new(prefetch.into())),
        running: JoinSet::new(),
        turns: Turns::new(),
        stop: stop.clone(),
    };
    // The channel must outlive the handlers, which acknowledge on it.
    let mut last_channel = None;
    while let Some(live) = counter.next_connection(broker).await {
        match live
            .until(Instant::now() + CONSUMER_TIMEOUT, counter.open(&live))
            .await
        {
            Some(Ok(channel)) => last_channel = Some(counter.serve(&live, channel).await),
            Some(Err(error)) => live.suspect(format!("consuming cannot begin: {}", chain(&error))),
            None => live.suspect("consuming could not begin in time"),
        }
    }
    counter.drain().await;
    drop(last_channel);
}

/// Where messages are handed out.
pub(crate) struct Counter<M, H> {
    pub(crate) names: Names,
    prefetch: u16,
    /// How long settling a message, or looking after suspects, may take.
    pub(crate) patience: Duration,
    pub(crate) desk: Arc<Desk<M, H>>,
    pub(crate) backfill: Option<Backfill<M, H>>,
    /// Counts the running handlers, over all connections.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) running: JoinSet<()>,
    pub(crate) turns: Turns,
    pub(crate) stop: CancellationToken,
}

/// Why handing out messages has come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process stops.
    Stop,
    /// The connection is lost, or suspected.
    Lost,
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

    async fn open(&self, live: &Live) -> lapin::Result<Channel> {
        let channel = live.connection().create_channel().await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        Ok(channel)
    }

    /// Hands out messages, ordinary ones and suspects by turns, until told to stop or until the connection is lost.
    /// Answers with the channel that was used last.
    async fn serve(&mut self, live: &Arc<Live>, mut channel: Channel) -> Channel {
        while let Ok(work) = self.work_ordinarily(live, &channel).await {
            let begun = Instant::now();
            if self.let_run_out(live).await.is_err() {
                break;
            }
            // What the broker had under way when the consumer was cancelled reaches nobody here. It stays unsettled for
            // as long as its channel is open, so that is not used again.
            match self.channel_replace(live, &channel).await {
                Ok(fresh) => channel = fresh,
                Err(_) => break,
            }
            if self.work_alone(live, &channel, work, begun).await.is_err() {
                break;
            }
        }
        channel
    }

    /// Waits until what was begun has ended.
    async fn let_run_out(&mut self, live: &Live) -> Result<(), End> {
        let stop = self.stop.clone();
        while !self.running.is_empty() {
            select! {
                biased;
                () = stop.cancelled() => return Err(End::Stop),
                () = live.gone() => return Err(End::Lost),
                Some(ended) = self.running.join_next() => report(ended),
            }
        }
        Ok(())
    }

    async fn channel_replace(&self, live: &Arc<Live>, channel: &Channel) -> Result<Channel, End> {
        self.asked(live, async {
            channel.close(200, "OK".into()).await?;
            self.open(live).await
        })
        .await
    }

    /// Takes messages of the work queue until it is time to look after suspects, and says of which work.
    async fn work_ordinarily(&mut self, live: &Arc<Live>, channel: &Channel) -> Result<Work, End> {
        let queue = self.names.queue(M::WORK);
        let consuming = consume_queue(channel, &queue);
        let mut deliveries = match live.until(Instant::now() + CONSUMER_TIMEOUT, consuming).await {
            Some(Ok(deliveries)) => deliveries,
            Some(Err(error)) => {
                live.suspect(format!("consuming cannot begin: {}", chain(&error)));
                return Err(End::Lost);
            }
            None => {
                live.suspect("consuming could not begin in time");
                return Err(End::Lost);
            }
        };
        let ended = self.take_ordinary(live, channel, &mut deliveries).await;
        if ended != Err(End::Lost) {
            self.take_no_more(live, channel, deliveries).await;
        }
        ended
    }

    async fn take_ordinary(
        &mut self,
        live: &Arc<Live>,
        channel: &Channel,
        deliveries: &mut Consumer,
    ) -> Result<Work, End> {
        let stop = self.stop.clone();
        loop {
            let backfill_due = self.backfill_due();
            let next = select! {
                biased;
                () = stop.cancelled() => return Err(End::Stop),
                () = live.gone() => return Err(End::Lost),
                Some(ended) = self.running.join_next() => {
                    report(ended);
                    continue;
                }
                () = sleep_until(self.turns.next_look()) => {
                    if let Some(work) = self.suspects_wait(live, channel).await? {
                        return Ok(work);
                    }
                    continue;
                }
                next = deliveries.next() => next,
                // Last of all: only where no other message waits here.
                () = sleep_until(backfill_due.unwrap_or_else(Instant::now)), if backfill_due.is_some() => {
                    self.take_backfill(live, channel).await?;
                    continue;
                }
            };
            match next {
                Some(Ok(delivered)) => self.hand_out(live, delivered).await,
                Some(Err(error)) => live.suspect(format!("consuming ended: {}", chain(&error))),
                None => {
                    live.suspect("the broker cancelled the consumer");
                    return Err(End::Lost);
                }
            }
        }
    }

    /// Begins work on a message as soon as there is a permit for it; none is begun after the stop.
    async fn hand_out(&mut self, live: &Arc<Live>, delivered: lapin::message::Delivery) {
        let delivered = self.delivered(live, delivered, Place::Ordinary);
        let permit = select! {
            biased;
            () = self.stop.cancelled() => None,
            () = live.gone() => None,
            permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
        };
        let desk = Arc::clone(&self.desk);
        match permit {
            Some(permit) => {
                self.running.spawn(async move {
                    desk.handle(delivered).await;
                    drop(permit);
                });
            }
            None => {
                self.running.spawn(async move { desk.decline(delivered).await });
            }
        }
    }

    /// Ends the consumer. What came before that is begun, or put back at the stop.
    async fn take_no_more(&mut self, live: &Arc<Live>, channel: &Channel, mut deliveries: Consumer) {
        let cancelling = channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
        let cancelled = live.until(Instant::now() + CONSUMER_TIMEOUT, cancelling).await;
        if !matches!(cancelled, Some(Ok(()))) {
            live.suspect("a consumer could not be cancelled");
        }
        while let Some(Some(Ok(delivered))) = deliveries.next().now_or_never() {
            self.hand_out(live, delivered).await;
        }
    }

    /// Works on one message and on nothing else, to its end.
    pub(crate) async fn handle_alone(
        &mut self,
        live: &Arc<Live>,
        desk: Arc<Desk<M, H>>,
        delivered: lapin::message::Delivery,
    ) {
        let delivered = self.delivered(live, delivered, Place::Suspects);
        self.running.spawn(async move { desk.handle(delivered).await });
        self.drain().await;
    }

    pub(crate) fn delivered(
        &self,
        live: &Arc<Live>,
        delivered: lapin::message::Delivery,
        place: Place,
    ) -> Delivered {
        Delivered {
            receipt: Receipt::new(delivered.acker, Arc::clone(live), self.patience),
            properties: delivered.properties,
            body: delivered.data,
            redelivered: delivered.redelivered,
            place,
        }
    }

    pub(crate) async fn drain(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            report(ended);
        }
    }
}

async fn consume_queue(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    // A name too long for AMQP was refused when it was declared.
    let queue = short(queue).unwrap_or_default();
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue, "".into(), options, FieldTable::default())
        .await
}

/// Handlers are guarded, so a task that ends badly is a fault of this crate.
pub(crate) fn report(ended: Result<(), JoinError>) {
    if let Err(fault) = ended {
        error!(error = %fault, "handling a message ended without settling it");
    }
}
