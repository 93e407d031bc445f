//! The backfill: jobs that wait until there are no others.
//!
//! They are taken one by one, and only to be begun at once. So none lies here unbegun, where it would stand in nobody's
//! way but run into the broker's limit for what is not acknowledged.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, options::BasicGetOptions};
use messages::{Message, Work};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    connection::Live,
    consumer::{Counter, End},
    delivered::Place,
    handler::Handler,
    settle::Desk,
};

/// How often a backfill is looked at that was empty, or had to wait.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a consumer does for the backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillShare {
    /// At most so many of its messages are worked on at once.
    pub at_once: u16,
    /// One is begun only while fewer messages than this are worked on in all, and no other waits for a place.
    pub below: u16,
}

/// The backfill as a consumer keeps it.
pub(crate) struct Backfill<M, H> {
    pub(crate) desk: Arc<Desk<M, H>>,
    below: usize,
    /// Counts those that are worked on, over all connections.
    places: Arc<Semaphore>,
    next_look: Instant,
}

impl<M: Message, H: Handler<M>> Backfill<M, H> {
    pub(crate) fn new(desk: Desk<M, H>, share: BackfillShare) -> Self {
        Self {
            desk: Arc::new(desk),
            below: share.below.max(1).into(),
            places: Arc::new(Semaphore::new(share.at_once.max(1).into())),
            next_look: Instant::now(),
        }
    }
}

impl<M: Message, H: Handler<M>> Counter<M, H> {
    /// When the backfill is to be looked at; none while too much else is in hand.
    pub(crate) fn backfill_due(&self) -> Option<Instant> {
        let backfill = self.backfill.as_ref()?;
        let is_free = self.running.len() < backfill.below && backfill.places.available_permits() > 0;
        is_free.then_some(backfill.next_look)
    }

    /// Begins the next message of the backfill, if there is one and no other work waits in its queue, where what this
    /// process has no place for is left.
    pub(crate) async fn take_backfill(&mut self, live: &Arc<Live>, channel: &Channel) -> Result<(), End> {
        let Some(backfill) = &mut self.backfill else {
            return Ok(());
        };
        let place = Arc::clone(&backfill.places).try_acquire_owned();
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let (Ok(place), Ok(permit)) = (place, permit) else {
            // A handler of an earlier connection is about to end.
            backfill.next_look = Instant::now() + LOOK_INTERVAL;
            return Ok(());
        };
        let desk = Arc::clone(&backfill.desk);
        // Unless there is one to take, it is looked at again after a while.
        backfill.next_look = Instant::now() + LOOK_INTERVAL;
        let others = self.look(live, channel, &self.names.queue(M::WORK)).await?;
        if others.message_count() > 0 {
            return Ok(());
        }
        let queue = self.names.queue(Work::Backfill);
        let options = BasicGetOptions { no_ack: false };
        let taking = channel.basic_get(queue.as_str().into(), options);
        let Some(message) = self.asked(live, taking).await? else {
            return Ok(());
        };
        let delivered = self.delivered(live, message.delivery, Place::Ordinary);
        let is_late = self.stop.is_cancelled();
        self.running.spawn(async move {
            match is_late {
                true => desk.decline(delivered).await,
                false => desk.handle(delivered).await,
            }
            drop((place, permit));
        });
        if let Some(backfill) = &mut self.backfill {
            backfill.next_look = Instant::now();
        }
        Ok(())
    }
}
