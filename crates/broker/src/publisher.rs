//! Publishing that is known to have worked.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use messages::{Envelope, Message, Names, Work};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use crate::{
    connection::Live,
    error::{PublishError, TooLong, chain},
    properties::properties_of,
    sending::{Parcel, Sending},
    supervisor::Link,
};

/// Publishes messages and waits until the broker has stored them; clones share a connection.
#[derive(Clone, Debug)]
pub struct Publisher {
    link: Link,
    names: Names,
    confirm_timeout: Duration,
    /// True where a confirm that does not come is laid to the queue, and the connection is left to others.
    is_for_backfill: bool,
}

/// A message that is encoded already, as the outbox holds it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Which way it goes.
    pub work: Work,
    /// The AMQP `type`.
    pub type_name: String,
    /// What surrounds the body.
    pub envelope: Envelope,
    /// The body.
    pub body: Vec<u8>,
}

impl Publisher {
    pub(crate) fn new(link: Link, names: Names, confirm_timeout: Duration) -> Self {
        Self {
            link,
            names,
            confirm_timeout,
            is_for_backfill: false,
        }
    }

    pub(crate) fn for_backfill(self) -> Self {
        Self {
            is_for_backfill: true,
            ..self
        }
    }

    /// Publishes a message to its work queue; `Ok` means that it is stored there.
    ///
    /// Waits at most the confirm timeout for a connection, and as long again for the confirm.
    ///
    /// # Errors
    /// Whatever kept the confirm from coming. Except for [`PublishError::Unroutable`] the message may be stored all
    /// the same, so publish it again under the same `message_id`.
    pub async fn publish<M: Message>(&self, envelope: &Envelope, message: &M) -> Result<(), PublishError> {
        let body = message
            .encode()
            .map_err(|error| PublishError::Encode(Arc::new(error)))?;
        let parcel = self.parcel(M::WORK, message.type_name(), envelope, &body)?;
        self.send_one(parcel).await
    }

    /// Publishes all before it waits for the first confirm: a batch of a hundred takes little longer than one message.
    ///
    /// The answers are in the order of the batch, each for itself, as [`Publisher::publish`] gives them.
    pub async fn publish_batch(&self, batch: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut parcels = Vec::with_capacity(batch.len());
        for outgoing in batch {
            match self.parcel(
                outgoing.work,
                &outgoing.type_name,
                &outgoing.envelope,
                &outgoing.body,
            ) {
                Ok(parcel) => {
                    parcels.push(parcel);
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error.into()))),
            }
        }
        let mut sent = self.send(&parcels).await.into_iter();
        answers
            .into_iter()
            .filter_map(|answer| answer.or_else(|| sent.next()))
            .collect()
    }

    fn parcel<'a>(
        &self,
        work: Work,
        type_name: &str,
        envelope: &Envelope,
        body: &'a [u8],
    ) -> Result<Parcel<'a>, TooLong> {
        let properties = properties_of(type_name, envelope, &[])?;
        Parcel::new(
            &self.names.exchange(work),
            &self.names.queue(work),
            properties,
            body,
        )
    }

    pub(crate) async fn send_one(&self, parcel: Parcel<'_>) -> Result<(), PublishError> {
        let mut answers = self.send(&[parcel]).await;
        answers.pop().unwrap_or(Err(PublishError::NotConnected))
    }

    /// One answer for each parcel.
    async fn send(&self, parcels: &[Parcel<'_>]) -> Vec<Result<(), PublishError>> {
        if parcels.is_empty() {
            return Vec::new();
        }
        match self.try_send(parcels).await {
            Ok(answers) => answers,
            Err(error) => parcels.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn try_send(&self, parcels: &[Parcel<'_>]) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        let (live, _permit) = self.ready().await?;
        let deadline = Instant::now() + self.confirm_timeout;
        let channel = match live.until(deadline, live.take_channel()).await {
            Some(Ok(channel)) => channel,
            Some(Err(error)) => {
                live.suspect(format!("no channel: {}", chain(&error)));
                return Err(PublishError::Lost(error));
            }
            None => return Err(self.overdue(&live)),
        };
        let sending = Sending {
            live: &live,
            channel: &channel,
            parcels,
            deadline,
        };
        let answers = sending.run().await;
        let answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(self.overdue(&live))))
            .collect();
        self.judge(&live, &answers);
        if answers.iter().all(Result::is_ok) {
            live.give_back(channel);
        }
        Ok(answers)
    }

    /// Waits, for a while, for a connection that takes messages and has a channel to spare.
    async fn ready(&self) -> Result<(Arc<Live>, OwnedSemaphorePermit), PublishError> {
        let deadline = Instant::now() + self.confirm_timeout;
        loop {
            let Ok(Some(live)) = timeout_at(deadline, self.link.live()).await else {
                return Err(PublishError::NotConnected);
            };
            match timeout_at(deadline, live.reserve()).await {
                Ok(Some(permit)) => return Ok((live, permit)),
                Ok(None) => {}
                Err(_) if live.is_blocked() => return Err(PublishError::Blocked),
                Err(_) => return Err(PublishError::Timeout(self.confirm_timeout)),
            }
        }
    }

    /// A confirm that does not come is the first sign of a peer that has fallen silent, unless the broker has said why.
    /// For the backfill, heartbeats and what others publish show that soon enough.
    fn overdue(&self, live: &Live) -> PublishError {
        if live.is_gone() {
            return PublishError::Lost(io::Error::from(ErrorKind::ConnectionAborted).into());
        }
        if live.is_blocked() {
            return PublishError::Blocked;
        }
        if !self.is_for_backfill {
            live.suspect("no confirm came in time");
        }
        PublishError::Timeout(self.confirm_timeout)
    }

    /// A missing exchange or queue is declared on connecting, so connecting anew brings it back.
    fn judge(&self, live: &Live, answers: &[Result<(), PublishError>]) {
        for answer in answers {
            match answer {
                Err(PublishError::Lost(error)) => {
                    live.suspect(format!("publishing failed: {}", chain(error)));
                }
                Err(PublishError::Unroutable { .. }) => live.suspect("a queue is missing"),
                _ => {}
            }
        }
    }
}
