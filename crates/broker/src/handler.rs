//! What is done with messages, as their handlers see it.

use messages::Envelope;

use crate::{error::PublishError, retry::GiveUp};

/// A message, decoded.
#[derive(Debug)]
pub struct Delivery<M> {
    /// The message.
    pub message: M,
    /// What surrounded it.
    pub envelope: Envelope,
    /// True where it was delivered before, to whomever, and may have been worked on.
    pub redelivered: bool,
    /// True where [`Outcome::Retry`] means giving up.
    pub last_attempt: bool,
}

/// What a handler made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that follows from it is done and confirmed.
    Done,
    /// It may succeed later.
    Retry {
        /// Why it did not now.
        reason: String,
    },
    /// It was not done, and that says nothing about it: the process stops, or what it needs has been away for long. It
    /// goes back to its queue and none of its attempts is used up. It comes again at once, so the waiting is up to the
    /// handler.
    PutBack,
    /// It never can succeed, and the handler has told whoever waits; a copy goes to the dead letters.
    Reject {
        /// Why it cannot.
        reason: String,
    },
}

/// What is done with messages of the family `M`. Each may come more than once.
pub trait Handler<M>: Send + Sync + 'static {
    /// Whether a message may be what ends its process. One that was begun and never settled is then worked on alone,
    /// and given up after its third start; otherwise it is simply begun again, until RabbitMQ itself buries what was
    /// delivered more than twenty times.
    const MAY_END_PROCESS: bool = true;

    /// Works on a message. A panic counts as [`Outcome::Retry`].
    fn handle(&self, delivery: &Delivery<M>) -> impl Future<Output = Outcome> + Send;

    /// Tells whoever waits that a message is given up: its attempts are exhausted, or it came too often without ever
    /// being settled, in which case no work was begun this time.
    ///
    /// # Errors
    /// Nobody could be told. The message is kept, and this is tried again later.
    fn give_up(
        &self,
        delivery: &Delivery<M>,
        why: &GiveUp,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}
