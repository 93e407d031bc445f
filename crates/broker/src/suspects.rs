//! Suspects: messages on which work was begun and never settled. One of them may end every process that takes it up.
//!
//! They lie in a queue of their own, and each is worked on while its process does nothing else and holds no other
//! message. So whatever happens then is counted against that one message, and its neighbours of before are cleared.
//! Taking such a turn means to let the ordinary work run out, so only as many processes do it as there are suspects.

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
    /// True where suspects wait and it is for this process to take them up.
    pub(crate) async fn suspects_wait(&mut self, live: &Live, channel: &Channel) -> Result<bool, End> {
        self.turns.looked();
        let is_idle = self.running.is_empty();
        if !is_idle && Instant::now() < self.turns.ordinary_until {
            return Ok(false);
        }
        let mut waiting = 0;
        for work in self.works() {
            let queue = self.names.suspects_queue(work);
            waiting += self.look(live, channel, &queue).await?.message_count();
        }
        if waiting == 0 || is_idle {
            return Ok(waiting > 0);
        }
        let queue = self.names.queue(M::WORK);
        let consumers = self.look(live, channel, &queue).await?.consumer_count();
        Ok(fastrand::u32(..consumers.max(1)) < waiting)
    }

    /// Works on suspects one by one, in a turn that has `begun`. The ordinary work has ended by then.
    pub(crate) async fn work_alone(
        &mut self,
        live: &Arc<Live>,
        channel: &Channel,
        begun: Instant,
    ) -> Result<(), End> {
        let stop = self.stop.clone();
        let alone_since = Instant::now();
        while alone_since.elapsed() < TURN {
            if stop.is_cancelled() {
                return Err(End::Stop);
            }
            match self.take_suspect(live, channel).await? {
                Some((desk, suspect)) => self.handle_alone(live, desk, suspect).await,
                None => break,
            }
        }
        self.turns.over(begun);
        Ok(())
    }

    /// A suspect and who handles it; one of the backfill only where there is no other.
    async fn take_suspect(&self, live: &Live, channel: &Channel) -> Result<Option<Taken<M, H>>, End> {
        for work in self.works() {
            let queue = self.names.suspects_queue(work);
            let options = BasicGetOptions { no_ack: false };
            let taking = channel.basic_get(queue.as_str().into(), options);
            if let Some(message) = self.asked(live, taking).await? {
                let backfill = self.backfill.as_ref().filter(|_| work == Work::Backfill);
                let desk = backfill.map_or(&self.desk, |backfill| &backfill.desk);
                return Ok(Some((Arc::clone(desk), message.delivery)));
            }
        }
        Ok(None)
    }

    /// The kinds of work whose suspects this process looks after.
    fn works(&self) -> impl Iterator<Item = Work> + use<M, H> {
        let backfill = self.backfill.is_some().then_some(Work::Backfill);
        std::iter::once(M::WORK).chain(backfill)
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
