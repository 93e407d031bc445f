//! From a delivery to its acknowledgement: whatever follows from a message is confirmed before the message is let go.

use std::{any::Any, marker::PhantomData, panic::AssertUnwindSafe, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use lapin::{
    Acker,
    message::Delivery as Delivered,
    options::{BasicAckOptions, BasicRejectOptions},
};
use messages::Message;
use tokio::{select, time::sleep, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use crate::{
    consumer::{Delivery, Handler, Outcome},
    error::{PublishError, chain},
    properties::Letter,
    retry::{GiveUp, Ladder},
};

/// A message that was delivered this often without being settled is not worked on again.
const DELIVERIES_LIMIT: u64 = 3;

/// Takes a message, has it handled, and settles it.
pub(crate) struct Desk<M, H> {
    handler: H,
    ladder: Ladder,
    ack_timeout: Duration,
    stop: CancellationToken,
    family: PhantomData<fn() -> M>,
}

impl<M: Message, H: Handler<M>> Desk<M, H> {
    pub(crate) fn new(handler: H, ladder: Ladder, ack_timeout: Duration, stop: CancellationToken) -> Self {
        Self {
            handler,
            ladder,
            ack_timeout,
            stop,
            family: PhantomData,
        }
    }

    pub(crate) async fn handle(&self, delivered: Delivered) {
        let redelivered = delivered.redelivered;
        let acker = delivered.acker;
        let letter = match Letter::read(&delivered.properties, delivered.data) {
            Ok(letter) => letter,
            Err(fault) => {
                warn!(
                    fault = chain(&fault),
                    "a message without proper properties goes to the dead letters"
                );
                return self.reject(&acker).await;
            }
        };
        let envelope = &letter.envelope;
        let span = info_span!(
            "message",
            message_id = %envelope.message_id,
            image_id = %envelope.correlation_id,
            request_id = envelope.request_id.as_deref(),
            attempt = envelope.attempt,
        );
        self.handle_letter(&letter, redelivered, &acker)
            .instrument(span)
            .await;
    }

    async fn handle_letter(&self, letter: &Letter, redelivered: bool, acker: &Acker) {
        let message = match M::decode(&letter.type_name, &letter.body) {
            Ok(message) => message,
            Err(fault) => {
                warn!(
                    fault = chain(&fault),
                    "a message that cannot be read goes to the dead letters"
                );
                return self.reject(acker).await;
            }
        };
        let delivery = Delivery {
            message,
            envelope: letter.envelope.clone(),
            redelivered,
            last_attempt: self.ladder.is_last(letter.envelope.attempt),
        };
        let outcome = match self.doomed(letter) {
            Some(why) => Verdict::GiveUp(why),
            None => self.judge(letter, self.work(&delivery).await),
        };
        let settled = match outcome {
            Verdict::Done => Some(()),
            Verdict::Retry { delay, reason } => self.retry(letter, acker, delay, &reason).await,
            Verdict::Reject { reason } => self.bury(letter, acker, &reason).await,
            Verdict::GiveUp(why) => self.give_up(&delivery, letter, acker, &why).await,
        };
        if settled.is_some() {
            self.ack(acker).await;
        }
    }

    /// Why no work is to be begun on a message, if none is.
    fn doomed(&self, letter: &Letter) -> Option<GiveUp> {
        let deliveries = letter.earlier_deliveries;
        match &letter.given_up {
            Some(header) => Some(GiveUp::of_header(header)),
            None if deliveries >= DELIVERIES_LIMIT => Some(GiveUp::Redelivered { deliveries }),
            None => None,
        }
    }

    async fn work(&self, delivery: &Delivery<M>) -> Outcome {
        let work = async { self.handler.handle(delivery).await };
        AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                let words = words(&*panic);
                error!(panic = words, "the handler of a message panicked");
                let reason = format!("the handler panicked: {words}");
                Outcome::Retry { reason }
            })
    }

    fn judge(&self, letter: &Letter, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Done => Verdict::Done,
            Outcome::Reject { reason } => Verdict::Reject { reason },
            Outcome::Retry { reason } => match self.ladder.delay_after(letter.envelope.attempt) {
                Some(delay) => Verdict::Retry { delay, reason },
                None => Verdict::GiveUp(GiveUp::Exhausted { reason }),
            },
        }
    }

    async fn retry(&self, letter: &Letter, acker: &Acker, delay: Duration, reason: &str) -> Option<()> {
        warn!(reason, ?delay, "a message is held back and tried again");
        self.insist(acker, || self.ladder.retry(letter, delay)).await
    }

    async fn bury(&self, letter: &Letter, acker: &Acker, reason: &str) -> Option<()> {
        error!(reason, "a message goes to the dead letters");
        self.insist(acker, || self.ladder.bury(letter, reason)).await
    }

    /// First whoever waits is told, then the copy is put away; repeating both does no harm, losing one would.
    async fn give_up(
        &self,
        delivery: &Delivery<M>,
        letter: &Letter,
        acker: &Acker,
        why: &GiveUp,
    ) -> Option<()> {
        let telling = async { self.handler.give_up(delivery, why).await };
        let fault = match AssertUnwindSafe(telling).catch_unwind().await {
            Ok(Ok(())) => return self.bury(letter, acker, &why.to_string()).await,
            Ok(Err(error)) => chain(&error),
            Err(panic) => format!("panicked: {}", words(&*panic)),
        };
        error!(%why, fault, "a message is given up, and nobody can be told yet");
        self.insist(acker, || self.ladder.hold_given_up(letter, why))
            .await
    }

    /// Repeats a publish until it is confirmed. Ends without where the message is no longer ours to settle, or at the
    /// stop: then it stays unacknowledged, and the broker delivers it again.
    async fn insist<F: Future<Output = Result<(), PublishError>>>(
        &self,
        acker: &Acker,
        publish: impl Fn() -> F,
    ) -> Option<()> {
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_millis(2_500))
            .with_jitter()
            .without_max_times()
            .build();
        for delay in delays {
            let fault = match publish().await {
                Ok(()) => return Some(()),
                Err(error) => chain(&error),
            };
            if acker.poisoned() || self.stop.is_cancelled() {
                warn!(
                    fault,
                    "a message could not be settled; it will be delivered again"
                );
                return None;
            }
            debug!(fault, "a message could not be settled yet");
            select! {
                () = self.stop.cancelled() => {}
                () = sleep(delay) => {}
            }
        }
        None
    }

    /// An acknowledgement that does not get through needs nothing: the broker delivers the message again.
    async fn ack(&self, acker: &Acker) {
        let acking = acker.ack(BasicAckOptions::default());
        if !matches!(timeout(self.ack_timeout, acking).await, Ok(Ok(true))) {
            debug!("the acknowledgement did not get through; the message will be delivered again");
        }
    }

    async fn reject(&self, acker: &Acker) {
        let rejecting = acker.reject(BasicRejectOptions { requeue: false });
        if !matches!(timeout(self.ack_timeout, rejecting).await, Ok(Ok(true))) {
            debug!("the rejection did not get through; the message will be delivered again");
        }
    }
}

enum Verdict {
    Done,
    Retry { delay: Duration, reason: String },
    Reject { reason: String },
    GiveUp(GiveUp),
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
