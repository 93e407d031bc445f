//! What becomes of a message that was not done: the retry ladder, and in the end the dead letters.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{SecondsFormat, Utc};
use fastrand::Rng;
use lapin::BasicProperties;
use messages::{Names, Work};

use crate::{
    delivered::Place,
    error::PublishError,
    headers::{
        DEAD_REASON_HEADER, DIED_AT_HEADER, GIVEN_UP_HEADER, ORIGIN_HEADER, REASONS_HEADER, bounded,
        reasons_header,
    },
    properties::{Letter, properties_of},
    publisher::Publisher,
    sending::Parcel,
};

/// One in so many messages strays to another rung.
const STRAYS: usize = 4;

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

    /// True where a message that is given up for this leaves a dead letter. Of the backfill, only what may have ended its
    /// process does: whoever was told can ask again, and millions would hide the other dead letters.
    pub(crate) fn keeps(&self, why: &GiveUp) -> bool {
        self.work != Work::Backfill || matches!(why, GiveUp::Redelivered { .. })
    }

    /// True where no rung is left after this attempt.
    pub(crate) fn is_last(&self, attempt: u32) -> bool {
        self.rung(attempt).is_none()
    }

    /// How long a message is held back after its attempt. Now and then that is the delay of the rung before or after,
    /// so that what failed together does not come back together.
    pub(crate) fn delay_after(&self, attempt: u32) -> Option<Duration> {
        let rung = stray(self.rung(attempt)?, self.delays.len(), &mut Rng::new());
        self.delays.get(rung).copied()
    }

    fn rung(&self, attempt: u32) -> Option<usize> {
        let rung = usize::try_from(attempt).ok()?.checked_sub(1)?;
        (rung < self.delays.len()).then_some(rung)
    }

    /// Puts a message on a rung, to be tried once more.
    pub(crate) async fn retry(&self, letter: &Letter, delay: Duration) -> Result<(), PublishError> {
        let mut envelope = letter.envelope.clone();
        envelope.attempt = envelope.attempt.saturating_add(1);
        let properties = properties_of(&letter.type_name, &envelope, &history(letter))?;
        self.hold_back(letter, delay, properties).await
    }

    /// Puts a message that was given up on the last rung, so that giving it up can be tried once more.
    pub(crate) async fn hold_given_up(&self, letter: &Letter, why: &GiveUp) -> Result<(), PublishError> {
        let Some(delay) = self.delays.last() else {
            return Err(PublishError::Refused);
        };
        let mut headers = history(letter);
        headers.push((GIVEN_UP_HEADER, why.to_header()));
        let properties = properties_of(&letter.type_name, &letter.envelope, &headers)?;
        self.hold_back(letter, *delay, properties).await
    }

    /// Puts a copy among the dead letters.
    pub(crate) async fn bury(&self, letter: &Letter, reason: &str) -> Result<(), PublishError> {
        let mut headers = history(letter);
        headers.extend([
            (DEAD_REASON_HEADER, bounded(reason).to_owned()),
            (ORIGIN_HEADER, self.names.queue(self.work)),
            (
                DIED_AT_HEADER,
                Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            ),
        ]);
        let properties = properties_of(&letter.type_name, &letter.envelope, &headers)?;
        let dead = self.names.dead();
        self.send(&dead, &dead, properties, &letter.body).await
    }

    /// Puts a message as it is into a queue of its work.
    pub(crate) async fn pass_on(
        &self,
        place: Place,
        properties: BasicProperties,
        body: &[u8],
    ) -> Result<(), PublishError> {
        let queue = place.queue(&self.names, self.work);
        self.send(&self.names.exchange(self.work), &queue, properties, body)
            .await
    }

    async fn hold_back(
        &self,
        letter: &Letter,
        delay: Duration,
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        let queue = self.names.retry_queue(self.work, delay);
        self.send(&self.names.retry_exchange(), &queue, properties, &letter.body)
            .await
    }

    async fn send(
        &self,
        exchange: &str,
        queue: &str,
        properties: BasicProperties,
        body: &[u8],
    ) -> Result<(), PublishError> {
        let parcel = Parcel::new(exchange, queue, properties, body)?;
        self.publisher.send_one(parcel).await
    }
}

/// A rung, or by chance one beside it.
fn stray(rung: usize, rungs: usize, random: &mut Rng) -> usize {
    if random.usize(..STRAYS) > 0 {
        return rung;
    }
    let (lower, higher) = (rung.checked_sub(1), Some(rung + 1).filter(|next| *next < rungs));
    let beside = match (lower, higher) {
        (Some(lower), Some(higher)) => Some(if random.bool() { lower } else { higher }),
        (lower, higher) => lower.or(higher),
    };
    beside.unwrap_or(rung)
}

/// Why the attempts failed, as headers.
fn history(letter: &Letter) -> Vec<(&'static str, String)> {
    let header = reasons_header(&letter.reasons);
    header
        .map(|header| (REASONS_HEADER, header))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_quarter_strays_and_none_further_than_one_rung() {
        let mut random = Rng::with_seed(7);
        for rungs in 1..=4 {
            for rung in 0..rungs {
                let drawn: Vec<_> = (0..8_000).map(|_| stray(rung, rungs, &mut random)).collect();
                assert!(
                    drawn
                        .iter()
                        .all(|drawn| *drawn < rungs && drawn.abs_diff(rung) <= 1)
                );
                let strays = drawn.iter().filter(|drawn| **drawn != rung).count();
                let expected = if rungs == 1 { 0..=0 } else { 1_800..=2_200 };
                assert!(expected.contains(&strays), "{strays} on rung {rung} of {rungs}");
            }
        }
    }

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
}
