//! From a delivery to its acknowledgement: whatever follows from a message is confirmed before the message is let go.

use std::{any::Any, marker::PhantomData, panic::AssertUnwindSafe, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use lapin::BasicProperties;
use messages::Message;
use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use crate::{
    consumer::{Delivery, Handler, Outcome},
    error::{PublishError, chain},
    properties::Letter,
    receipt::Receipt,
    retry::{GiveUp, Ladder},
};

/// A message that was delivered this often without being settled is not worked on again.
const DELIVERIES_LIMIT: u64 = 3;

/// A message as the broker hands it over.
pub(crate) struct Delivered {
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
    pub(crate) redelivered: bool,
    pub(crate) receipt: Receipt,
}

/// Takes a message, has it handled, and settles it.
pub(crate) struct Desk<M, H> {
    handler: H,
    ladder: Ladder,
    stop: CancellationToken,
    family: PhantomData<fn() -> M>,
}

impl<M: Message, H: Handler<M>> Desk<M, H> {
    pub(crate) fn new(handler: H, ladder: Ladder, stop: CancellationToken) -> Self {
        Self {
            handler,
            ladder,
            stop,
            family: PhantomData,
        }
    }

    pub(crate) async fn handle(&self, delivered: Delivered) {
        let receipt = &delivered.receipt;
        let letter = match Letter::read(&delivered.properties, delivered.body) {
            Ok(letter) => letter,
            Err(fault) => {
                warn!(
                    fault = chain(&fault),
                    "a message without proper properties goes to the dead letters"
                );
                return receipt.reject().await;
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
        self.handle_letter(&letter, delivered.redelivered, receipt)
            .instrument(span)
            .await;
    }

    async fn handle_letter(&self, letter: &Letter, redelivered: bool, receipt: &Receipt) {
        let message = match M::decode(&letter.type_name, &letter.body) {
            Ok(message) => message,
            Err(fault) => {
                warn!(
                    fault = chain(&fault),
                    "a message that cannot be read goes to the dead letters"
                );
                return receipt.reject().await;
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
            Verdict::Retry { delay, reason } => self.retry(letter, receipt, delay, &reason).await,
            Verdict::Reject { reason } => self.bury(letter, receipt, &reason).await,
            Verdict::GiveUp(why) => self.give_up(&delivery, letter, receipt, &why).await,
            Verdict::PutBack => return receipt.put_back().await,
        };
        if settled.is_some() {
            receipt.ack().await;
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
            Outcome::PutBack => Verdict::PutBack,
            Outcome::Reject { reason } => Verdict::Reject { reason },
            Outcome::Retry { reason } => match self.ladder.delay_after(letter.envelope.attempt) {
                Some(delay) => Verdict::Retry { delay, reason },
                None => Verdict::GiveUp(GiveUp::Exhausted { reason }),
            },
        }
    }

    async fn retry(&self, letter: &Letter, receipt: &Receipt, delay: Duration, reason: &str) -> Option<()> {
        warn!(reason, ?delay, "a message is held back and tried again");
        self.insist(receipt, || self.ladder.retry(letter, delay)).await
    }

    async fn bury(&self, letter: &Letter, receipt: &Receipt, reason: &str) -> Option<()> {
        error!(reason, "a message goes to the dead letters");
        self.insist(receipt, || self.ladder.bury(letter, reason)).await
    }

    /// First whoever waits is told, then the copy is put away; repeating both does no harm, losing one would.
    async fn give_up(
        &self,
        delivery: &Delivery<M>,
        letter: &Letter,
        receipt: &Receipt,
        why: &GiveUp,
    ) -> Option<()> {
        let telling = async { self.handler.give_up(delivery, why).await };
        let fault = match AssertUnwindSafe(telling).catch_unwind().await {
            Ok(Ok(())) => return self.bury(letter, receipt, &why.to_string()).await,
            Ok(Err(error)) => chain(&error),
            Err(panic) => format!("panicked: {}", words(&*panic)),
        };
        error!(%why, fault, "a message is given up, and nobody can be told yet");
        self.insist(receipt, || self.ladder.hold_given_up(letter, why))
            .await
    }

    /// Repeats a publish until it is confirmed. Ends without where the message is no longer ours to settle, or at the
    /// stop: then it stays unacknowledged, and the broker delivers it again.
    async fn insist<F: Future<Output = Result<(), PublishError>>>(
        &self,
        receipt: &Receipt,
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
            if receipt.is_void() || self.stop.is_cancelled() {
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
}

enum Verdict {
    Done,
    Retry { delay: Duration, reason: String },
    Reject { reason: String },
    GiveUp(GiveUp),
    PutBack,
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
