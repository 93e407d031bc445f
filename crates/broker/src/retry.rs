//! What becomes of a message that was not done: the retry ladder, and in the end the dead letters.

use std::{fmt, sync::Arc, time::Duration};

use lapin::BasicProperties;
use messages::{Names, Work};

use crate::{
    error::{PublishError, TooLong},
    properties::{Letter, properties_of},
    publisher::Publisher,
    sending::Parcel,
};

/// On a dead letter: why it is one.
pub const DEAD_REASON_HEADER: &str = "x-dead-reason";
/// On a dead letter: the queue that it comes from, which is where it can be replayed to.
pub const ORIGIN_HEADER: &str = "x-origin-queue";
/// On a message that was given up while nobody could be told: why. No further work is done on it.
pub const GIVEN_UP_HEADER: &str = "x-given-up";

/// The longest reason that is carried along, in bytes.
const REASON_LIMIT: usize = 512;

/// Why a message is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Every attempt failed.
    Exhausted {
        /// Why the last one did.
        reason: String,
    },
    /// It was delivered again and again without ever being settled, as happens where it ends the process each time.
    Redelivered {
        /// The number of deliveries before this one.
        deliveries: u64,
    },
}

impl GiveUp {
    const EXHAUSTED: &str = "exhausted: ";
    const REDELIVERED: &str = "redelivered: ";

    fn to_header(&self) -> String {
        match self {
            Self::Exhausted { reason } => format!("{}{}", Self::EXHAUSTED, bounded(reason)),
            Self::Redelivered { deliveries } => format!("{}{deliveries}", Self::REDELIVERED),
        }
    }

    pub(crate) fn of_header(header: &str) -> Self {
        let deliveries = header.strip_prefix(Self::REDELIVERED).map(str::parse);
        if let Some(Ok(deliveries)) = deliveries {
            return Self::Redelivered { deliveries };
        }
        let reason = header.strip_prefix(Self::EXHAUSTED).unwrap_or(header).to_owned();
        Self::Exhausted { reason }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { reason } => {
                write!(formatter, "every attempt failed, the last one so: {reason}")
            }
            Self::Redelivered { deliveries } => {
                write!(formatter, "delivered {deliveries} times before and never settled")
            }
        }
    }
}

/// The retry queues of one kind of work, in the order that a message goes through them.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    publisher: Publisher,
    names: Names,
    work: Work,
    delays: Arc<[Duration]>,
}

impl Ladder {
    pub(crate) fn new(publisher: Publisher, names: Names, work: Work, delays: &[Duration]) -> Self {
        Self {
            publisher,
            names,
            work,
            delays: delays.into(),
        }
    }

    /// True where no rung is left after this attempt.
    pub(crate) fn is_last(&self, attempt: u32) -> bool {
        self.delay_after(attempt).is_none()
    }

    /// How long a message is held back after its attempt.
    pub(crate) fn delay_after(&self, attempt: u32) -> Option<Duration> {
        let rung = usize::try_from(attempt).ok()?.checked_sub(1)?;
        self.delays.get(rung).copied()
    }

    /// Puts a message on the rung for its attempt, to be tried once more.
    pub(crate) async fn retry(&self, letter: &Letter, delay: Duration) -> Result<(), PublishError> {
        let mut envelope = letter.envelope.clone();
        envelope.attempt = envelope.attempt.saturating_add(1);
        let properties = properties_of(&letter.type_name, &envelope, &[])?;
        self.hold_back(letter, delay, properties).await
    }

    /// Puts a message that was given up on the last rung, so that giving it up can be tried once more.
    pub(crate) async fn hold_given_up(&self, letter: &Letter, why: &GiveUp) -> Result<(), PublishError> {
        let Some(delay) = self.delays.last() else {
            return Err(PublishError::Refused);
        };
        let header = [(GIVEN_UP_HEADER, why.to_header())];
        let properties = properties_of(&letter.type_name, &letter.envelope, &header)?;
        self.hold_back(letter, *delay, properties).await
    }

    /// Puts a copy among the dead letters.
    pub(crate) async fn bury(&self, letter: &Letter, reason: &str) -> Result<(), PublishError> {
        let headers = [
            (DEAD_REASON_HEADER, bounded(reason).to_owned()),
            (ORIGIN_HEADER, self.names.queue(self.work)),
        ];
        let properties = properties_of(&letter.type_name, &letter.envelope, &headers)?;
        let dead = self.names.dead();
        self.send(&dead, &dead, properties, letter).await
    }

    async fn hold_back(
        &self,
        letter: &Letter,
        delay: Duration,
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        let queue = self.names.retry_queue(self.work, delay);
        self.send(&self.names.retry_exchange(), &queue, properties, letter)
            .await
    }

    async fn send(
        &self,
        exchange: &str,
        queue: &str,
        properties: BasicProperties,
        letter: &Letter,
    ) -> Result<(), PublishError> {
        let parcel: Result<_, TooLong> = Parcel::new(exchange, queue, properties, &letter.body);
        self.publisher.send_one(parcel?).await
    }
}

/// At most so many bytes of a reason, ending with a whole character.
fn bounded(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_LIMIT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_stays_so_through_a_header() {
        let exhausted = GiveUp::Exhausted {
            reason: "the source answered 503".to_owned(),
        };
        let redelivered = GiveUp::Redelivered { deliveries: 3 };
        for why in [exhausted, redelivered] {
            assert_eq!(GiveUp::of_header(&why.to_header()), why);
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = "ä".repeat(400);
        assert_eq!(bounded(&long).len(), 512);
        let odd = format!("x{long}");
        assert_eq!(bounded(&odd).len(), 511);
        assert_eq!(bounded("short"), "short");
    }
}
