//! Looking through the dead letters, and deciding about each.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use lapin::{
    Channel,
    options::{BasicAckOptions, BasicGetOptions},
};
use messages::{Names, Work, envelope::ATTEMPT_HEADER};
use tokio::time::{Instant, timeout};

use crate::{
    config::BrokerConfig,
    connection::{Live, Role},
    dead_letter::DeadLetter,
    error::{BrokerError, PublishError},
    headers::{
        DEAD_REASON_HEADER, DEATH_HEADER, DELIVERY_COUNT_HEADER, DIED_AT_HEADER, GIVEN_UP_HEADER,
        ORIGIN_HEADER, REASONS_HEADER, STARTS_HEADER, changed, number,
    },
    sending::{Parcel, Sending},
    topology::queue_look,
};

/// What a letter carries only because it is dead, or was about to die.
const MARKS: [&str; 15] = [
    DEAD_REASON_HEADER,
    ORIGIN_HEADER,
    DIED_AT_HEADER,
    GIVEN_UP_HEADER,
    REASONS_HEADER,
    STARTS_HEADER,
    DELIVERY_COUNT_HEADER,
    DEATH_HEADER,
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    ATTEMPT_HEADER,
];

/// The dead letters that were there when they were opened, one after the other.
///
/// Those that were handed out and not removed are kept by the broker, out of everybody's reach, until this is closed
/// or its process ends; then they lie where they lay.
pub struct DeadLetters {
    config: BrokerConfig,
    names: Names,
    live: Live,
    channel: Channel,
    taken: u32,
    left: u32,
}

impl DeadLetters {
    /// Connects on a connection of its own, and declares what is missing.
    ///
    /// # Errors
    /// What is wrong, in words for the person who set the broker up.
    pub async fn open(config: &BrokerConfig) -> Result<Self, BrokerError> {
        let live = Live::open(config, Role::Check).await?;
        let names = config.names();
        let dead = names.dead();
        let opening = async {
            let channel = live.connection().create_channel().await?;
            let left = queue_look(&channel, &dead).await?.message_count();
            Ok((channel, left))
        };
        let (channel, left) = ask(config, &dead, "opening the dead letters", opening).await?;
        Ok(Self {
            config: config.clone(),
            names,
            live,
            channel,
            taken: 0,
            left,
        })
    }

    /// How many letters were there at the opening.
    pub fn count(&self) -> u32 {
        self.left.saturating_add(self.taken)
    }

    /// The next letter; none after as many as there were at the opening, or when somebody else has taken the rest.
    ///
    /// # Errors
    /// The broker does not answer, or the connection is lost. Nothing is lost by that.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, BrokerError> {
        if self.left == 0 {
            return Ok(None);
        }
        let dead = self.names.dead();
        let options = BasicGetOptions { no_ack: false };
        let taking = self.channel.basic_get(dead.as_str().into(), options);
        let Some(taken) = ask(&self.config, &dead, "taking a dead letter", taking).await? else {
            self.left = 0;
            return Ok(None);
        };
        self.left -= 1;
        self.taken += 1;
        Ok(Some(DeadLetter::read(self.taken, &self.names, taken.delivery)))
    }

    /// Removes a letter for good. That is certain once [`DeadLetters::close`] has succeeded.
    ///
    /// # Errors
    /// The connection is lost; the letter is still there.
    pub async fn remove(&mut self, letter: &DeadLetter) -> Result<(), BrokerError> {
        let dead = self.names.dead();
        let removing = async {
            match letter.acker.ack(BasicAckOptions::default()).await {
                Ok(false) => Err(io::Error::from(ErrorKind::ConnectionAborted).into()),
                answer => answer.map(drop),
            }
        };
        ask(&self.config, &dead, "removing a dead letter", removing).await
    }

    /// Publishes a letter to the work queue that it comes from, as if it were sent for the first time. It stays among
    /// the dead letters too, until it is removed.
    ///
    /// # Errors
    /// [`BrokerError::NoOrigin`] where nobody knows where it comes from. Else it is not known to have arrived, and may
    /// be published again.
    pub async fn republish(&mut self, letter: &DeadLetter) -> Result<(), BrokerError> {
        let work = letter.work.ok_or(BrokerError::NoOrigin)?;
        let address = self.config.address();
        let refused = |source| BrokerError::Republish { address, source };
        let deadline = Instant::now() + self.config.confirm_timeout;
        self.send(letter, work, deadline).await.map_err(refused)
    }

    async fn send(&self, letter: &DeadLetter, work: Work, deadline: Instant) -> Result<(), PublishError> {
        let mut changes: Vec<_> = MARKS.iter().map(|name| (*name, None)).collect();
        changes.push((ATTEMPT_HEADER, Some(number(1))));
        let headers = changed(letter.properties.headers().as_ref(), &changes)?;
        let properties = letter.properties.clone().with_headers(headers);
        let properties = properties.with_delivery_mode(2);
        let (exchange, queue) = (self.names.exchange(work), self.names.queue(work));
        let parcels = [Parcel::new(&exchange, &queue, properties, &letter.body)?];
        let overdue = PublishError::Timeout(self.config.confirm_timeout);
        let channel = match self.live.until(deadline, self.live.take_channel()).await {
            Some(channel) => channel.map_err(PublishError::Lost)?,
            None => return Err(overdue),
        };
        let sending = Sending {
            live: &self.live,
            channel: &channel,
            parcels: &parcels,
            deadline,
        };
        let answer = sending.run().await.pop().flatten();
        answer.unwrap_or(Err(overdue))?;
        self.live.give_back(channel);
        Ok(())
    }

    /// Gives back what was not removed, and disconnects.
    ///
    /// # Errors
    /// The broker does not say that it has taken note: letters that were removed may still be there.
    pub async fn close(self) -> Result<(), BrokerError> {
        let closing = self.channel.close(200, "OK".into());
        let closed = ask(
            &self.config,
            &self.names.dead(),
            "closing the dead letters",
            closing,
        )
        .await;
        self.live.close().await;
        closed
    }
}

/// Something that is done with a queue, within the connect timeout.
async fn ask<T>(
    config: &BrokerConfig,
    queue: &str,
    step: &str,
    asking: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    let address = config.address();
    let after: Duration = config.connect_timeout;
    match timeout(after, asking).await {
        Ok(answer) => answer.map_err(|source| BrokerError::Queue {
            address,
            name: queue.to_owned(),
            source,
        }),
        Err(_) => Err(BrokerError::Timeout {
            address,
            after,
            step: step.to_owned(),
        }),
    }
}
