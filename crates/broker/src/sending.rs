//! Messages on their way: published all at once, then confirmed or returned one by one.

use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm, message::BasicReturnMessage,
    options::BasicPublishOptions, types::ShortString,
};
use tokio::time::Instant;

use crate::{
    connection::Live,
    error::{PublishError, TooLong, short},
};

/// A message with everything that AMQP wants to know.
pub(crate) struct Parcel<'a> {
    exchange: ShortString,
    routing_key: ShortString,
    properties: BasicProperties,
    body: &'a [u8],
}

impl<'a> Parcel<'a> {
    pub(crate) fn new(
        exchange: &str,
        routing_key: &str,
        properties: BasicProperties,
        body: &'a [u8],
    ) -> Result<Self, TooLong> {
        Ok(Self {
            exchange: short(exchange)?,
            routing_key: short(routing_key)?,
            properties,
            body,
        })
    }

    fn is(&self, returned: &BasicReturnMessage) -> bool {
        self.routing_key == returned.routing_key
            && self.properties.message_id() == returned.properties.message_id()
    }

    fn unroutable(&self) -> PublishError {
        PublishError::Unroutable {
            exchange: self.exchange.to_string(),
            routing_key: self.routing_key.to_string(),
        }
    }
}

/// Some parcels on a channel that is theirs alone.
///
/// That matters twice. The client numbers a message and queues its frames in two steps, so two tasks on one
/// channel could swap their numbers. And it pins a returned message to whichever confirm comes next: only among
/// messages that are all known here can the one be found that was meant.
pub(crate) struct Sending<'a> {
    pub(crate) live: &'a Live,
    pub(crate) channel: &'a Channel,
    pub(crate) parcels: &'a [Parcel<'a>],
    pub(crate) deadline: Instant,
}

impl Sending<'_> {
    /// One answer for each parcel, none where the time was up or the connection gone.
    pub(crate) async fn run(&self) -> Vec<Option<Result<(), PublishError>>> {
        let publishing = join_all(self.parcels.iter().map(|parcel| self.publish(parcel)));
        let Some(published) = self.live.until(self.deadline, publishing).await else {
            return self.parcels.iter().map(|_| None).collect();
        };
        let mut returned = Vec::new();
        let mut answers = Vec::with_capacity(published.len());
        for published in published {
            let answer = match published {
                Ok(confirm) => self.confirmed(confirm, &mut returned).await,
                Err(error) => Some(Err(PublishError::Lost(error))),
            };
            answers.push(answer);
        }
        for message in returned {
            self.blame(&message, &mut answers);
        }
        answers
    }

    async fn publish(&self, parcel: &Parcel<'_>) -> lapin::Result<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        self.channel
            .basic_publish(
                parcel.exchange.clone(),
                parcel.routing_key.clone(),
                options,
                parcel.body,
                parcel.properties.clone(),
            )
            .await
    }

    /// After the deadline this still looks at what has come, since a returned message may be pinned to it.
    async fn confirmed(
        &self,
        confirm: PublisherConfirm,
        returned: &mut Vec<BasicReturnMessage>,
    ) -> Option<Result<(), PublishError>> {
        // Looks at the confirm first, so that nothing that has come is missed when the time is up.
        let confirmation = self.live.until(self.deadline, confirm).await?;
        let answer = match &confirmation {
            Ok(Confirmation::Ack(_)) => Ok(()),
            Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => Err(PublishError::Refused),
            Err(error) => Err(PublishError::Lost(error.clone())),
        };
        returned.extend(confirmation.ok().and_then(Confirmation::take_message));
        Some(answer)
    }

    /// A returned message reached no queue, though it is confirmed like the others.
    fn blame(&self, message: &BasicReturnMessage, answers: &mut [Option<Result<(), PublishError>>]) {
        let is_known = self.parcels.iter().any(|parcel| parcel.is(message));
        for (parcel, answer) in self.parcels.iter().zip(answers) {
            if parcel.is(message) || !is_known {
                *answer = Some(Err(parcel.unroutable()));
            }
        }
    }
}
