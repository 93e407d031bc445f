//! Suspects: messages on which work was begun and never settled. One of them may end every process that takes it up.
//!
//! They lie in a queue of their own, and each is worked on while its process does nothing else and holds no other
//! message. So whatever happens then is counted against that one message, and its neighbours of before are cleared.
//! Taking such a turn means to let the ordinary work run out, so only as many processes do it as there are suspects.
//! Those of the backfill are worth no such halt: they wait until there is nothing else to do.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, Queue, message::Delivery, options::BasicGetOptions};
use messages::{Message, Work};
use tokio::time::Instant;

use crate::{
    connection::Live,
    consumer::{Counter, End},
    error::chain,
    handler::Handler,
    settle::Desk,
    topology::queue_look,
};

/// How often the queue of suspects is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// After this long no further suspect is taken up in the same turn.
const TURN: Duration = Duration::from_secs(5);
/// The longest that ordinary work is put before suspects after a turn.
const BREATH: Duration = Duration::from_secs(10);

/// When this process looks after suspects.
#[derive(Debug)]
pub(crate) struct Turns {
    next_look: Instant,
    /// Until then suspects wait, if there is anything else to do.
    ordinary_until: Instant,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            next_look: now,
            ordinary_until: now,
        }
    }

    pub(crate) fn next_look(&self) -> Instant {
        self.next_look
    }

    fn looked(&mut self) {
        self.next_look = Instant::now() + LOOK_INTERVAL;
    }

    /// Ordinary work then has as much time as the turn took.
    fn over(&mut self, begun: Instant) {
        self.ordinary_until = Instant::now() + begun.elapsed().min(BREATH);
        self.looked();
    }
}

type Taken<M, H> = (Arc<Desk<M, H>>, Delivery);

impl<M: Message, H: Handler<M>> Counter<M, H> {
    /// The work whose suspects this process is to take up now.
    pub(crate) async fn suspects_wait(
        &mut self,
        live: &Live,
        channel: &Channel,
    ) -> Result<Option<Work>, End> {
        self.turns.looked();
        let is_idle = self.running.is_empty();
        if !is_idle && Instant::now() < self.turns.ordinary_until {
            return Ok(None);
        }
        let waiting = self.suspects_count(live, channel, M::WORK).await?;
        if waiting > 0 && is_idle {
            return Ok(Some(M::WORK));
        }
        if waiting == 0 && (!is_idle || self.backfill.is_none()) {
            return Ok(None);
        }
        let ordinary = self.look(live, channel, &self.names.queue(M::WORK)).await?;
        if waiting > 0 {
            let is_its_turn = fastrand::u32(..ordinary.consumer_count().max(1)) < waiting;
            return Ok(is_its_turn.then_some(M::WORK));
        }
        let is_needed =
            ordinary.message_count() == 0 && self.suspects_count(live, channel, Work::Backfill).await? > 0;
        Ok(is_needed.then_some(Work::Backfill))
    }

    async fn suspects_count(&self, live: &Live, channel: &Channel, work: Work) -> Result<u32, End> {
        let queue = self.look(live, channel, &self.names.suspects_queue(work)).await?;
        Ok(queue.message_count())
    }

    /// Works on suspects of `work` one by one, in a turn that has `begun`; of the backfill on a single one, since other
    /// work may have come by then. The ordinary work has ended.
    pub(crate) async fn work_alone(
        &mut self,
        live: &Arc<Live>,
        channel: &Channel,
        work: Work,
        begun: Instant,
    ) -> Result<(), End> {
        let stop = self.stop.clone();
        let alone_since = Instant::now();
        while alone_since.elapsed() < TURN {
            if stop.is_cancelled() {
                return Err(End::Stop);
            }
            match self.take_suspect(live, channel, work).await? {
                Some((desk, suspect)) => self.handle_alone(live, desk, suspect).await,
                None => break,
            }
            if work != M::WORK {
                break;
            }
        }
        self.turns.over(begun);
        Ok(())
    }

    /// A suspect and who handles it.
    async fn take_suspect(
        &self,
        live: &Live,
        channel: &Channel,
        work: Work,
    ) -> Result<Option<Taken<M, H>>, End> {
        let queue = self.names.suspects_queue(work);
        let options = BasicGetOptions { no_ack: false };
        let taking = channel.basic_get(queue.as_str().into(), options);
        let message = self.asked(live, taking).await?;
        let backfill = self.backfill.as_ref().filter(|_| work == Work::Backfill);
        let desk = backfill.map_or(&self.desk, |backfill| &backfill.desk);
        Ok(message.map(|message| (Arc::clone(desk), message.delivery)))
    }

    pub(crate) async fn look(&self, live: &Live, channel: &Channel, queue: &str) -> Result<Queue, End> {
        self.asked(live, queue_look(channel, queue)).await
    }

    /// A connection on which something is missing or late is replaced; the next one declares everything anew.
    pub(crate) async fn asked<T>(
        &self,
        live: &Live,
        step: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, End> {
        match live.until(Instant::now() + self.patience, step).await {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                live.suspect(format!(
                    "suspects or the backfill cannot be looked after: {}",
                    chain(&error)
                ));
                Err(End::Lost)
            }
            None => {
                live.suspect("suspects or the backfill could not be looked after in time");
                Err(End::Lost)
            }
        }
    }
}
