//! Hearing of changes that any process makes, and telling whoever waits for it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use redis::Client;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::{
    Near, Told, Waits,
    message::{numbers_from_bytes, numbers_to_bytes},
};
use crate::{
    error::Error,
    line::{Line, Message},
};

/// From one sign of life to the next: often enough that a lease outlives two that are lost.
const BEAT: Duration = Duration::from_millis(100);
/// The longest pause after an attempt that has failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Changes that are heard of together.
const TOGETHER: usize = 256;

/// How processes find each other.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    /// Where changes are told to all.
    pub(crate) changes: String,
    /// What stands before the name of the process that waits.
    pub(crate) heard: String,
}

/// Hears of changes.
pub(crate) struct Listener {
    pub(crate) client: Client,
    pub(crate) channels: Channels,
    pub(crate) process: Uuid,
    pub(crate) near: Arc<Near>,
    pub(crate) waits: Arc<Waits>,
    /// How long Redis may take to answer.
    pub(crate) patience: Duration,
    /// Whether this process holds anything; else it hears only of what it waits for.
    pub(crate) holds: bool,
}

/// Listens for as long as there is an owner, and begins anew whenever the line is lost.
pub(crate) async fn listen<T>(listener: Listener, owner: Weak<T>) {
    let mut pause = SHORTEST_PAUSE;
    while owner.strong_count() > 0 {
        match listener.open().await {
            Ok(mut line) => {
                pause = SHORTEST_PAUSE;
                let error = listener.hear(&mut line, &owner).await;
                // Before the line is closed: from then on writers do not wait for this process.
                listener.near.begin_anew();
                tracing::debug!(%error, "changes are not heard; this process goes by Redis and PostgreSQL");
            }
            Err(error) => tracing::debug!(%error, "cannot listen for changes"),
        }
        listener.near.begin_anew();
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

impl Listener {
    async fn open(&self) -> Result<Line, Error> {
        let own = self.heard_by(self.process);
        let channels = match self.holds {
            true => vec![own, self.channels.changes.clone()],
            false => vec![own],
        };
        let line = Line::open(&self.client, &channels, self.patience).await?;
        // What was filled in before this line was open may be out of date without a word.
        self.near.begin_anew();
        Ok(line)
    }

    fn heard_by(&self, process: Uuid) -> String {
        format!("{}:{process}", self.channels.heard)
    }

    /// Hears until the line is lost.
    async fn hear<T>(&self, line: &mut Line, owner: &Weak<T>) -> Error {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while owner.strong_count() > 0 {
            let outcome = tokio::select! {
                biased;
                // First, so that it comes to that however much there is to hear.
                _ = beat.tick() => self.beat(line).await,
                message = line.next() => match message {
                    Ok(message) => self.take(line, message).await,
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = outcome {
                return error;
            }
        }
        Error::unavailable(&"nobody needs it any more")
    }

    /// Takes a message and those that have come behind it.
    async fn take(&self, line: &mut Line, first: Message) -> Result<(), Error> {
        let mut acknowledged = HashMap::new();
        self.note(&first, &mut acknowledged);
        self.take_rest(line, &mut acknowledged)?;
        self.acknowledge(line, acknowledged).await
    }

    /// Asks for a sign of life. What was told before the question has come before the answer.
    async fn beat(&self, line: &mut Line) -> Result<(), Error> {
        let asked = Instant::now();
        line.ask().await?;
        let mut acknowledged = HashMap::new();
        while self.take_rest(line, &mut acknowledged)? == TOGETHER {}
        if self.holds {
            self.near.renew(asked);
        }
        self.acknowledge(line, acknowledged).await
    }

    fn take_rest(&self, line: &mut Line, acknowledged: &mut HashMap<Uuid, Vec<u64>>) -> Result<usize, Error> {
        let mut count = 0;
        while count < TOGETHER
            && let Some(message) = line.next_now()?
        {
            self.note(&message, acknowledged);
            count += 1;
        }
        Ok(count)
    }

    fn note(&self, message: &Message, acknowledged: &mut HashMap<Uuid, Vec<u64>>) {
        if message.channel != self.channels.changes.as_bytes() {
            self.waits.heard(numbers_from_bytes(&message.payload));
            return;
        }
        let Some(told) = Told::from_bytes(&message.payload) else {
            tracing::debug!("a change that was told cannot be read");
            self.near.begin_anew();
            return;
        };
        self.near.forget(told.key, told.floor);
        if told.number == 0 {
        } else if told.process == self.process {
            self.waits.heard([told.number]);
        } else {
            acknowledged.entry(told.process).or_default().push(told.number);
        }
    }

    async fn acknowledge(&self, line: &mut Line, acknowledged: HashMap<Uuid, Vec<u64>>) -> Result<(), Error> {
        if acknowledged.is_empty() {
            return Ok(());
        }
        let mut commands = redis::pipe();
        for (process, numbers) in acknowledged {
            let channel = self.heard_by(process);
            commands.publish(channel, numbers_to_bytes(&numbers)).ignore();
        }
        line.send(&commands).await
    }
}
