//! From a delivery to its acknowledgement: whatever follows from a message is confirmed before the message is let go.

use std::{any::Any, error::Error, marker::PhantomData, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use lapin::BasicProperties;
use messages::Message;
use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::{
    delivered::{Delivered, Place},
    error::{PublishError, chain},
    handler::{Delivery, Handler, Outcome},
    headers::add_reason,
    hush::Hush,
    properties::{Letter, carried},
    receipt::Receipt,
    retry::{GiveUp, Ladder},
    survivors::{Survivors, Taken},
    verdict::Verdict,
};

/// A message that work was begun on this often, and that was never settled, is not worked on again. All but the first of
/// these starts were made while its process did nothing else.
const STARTS_LIMIT: u64 = 3;

/// Takes a message, has it handled, and settles it.
pub(crate) struct Desk<M, H> {
    handler: Arc<H>,
    ladder: Ladder,
    survivors: Survivors,
    stop: CancellationToken,
    retried: Hush,
    let_go: Hush,
    unreadable: Hush,
    family: PhantomData<fn() -> M>,
}

impl<M: Message, H: Handler<M>> Desk<M, H> {
    pub(crate) fn new(handler: Arc<H>, ladder: Ladder, stop: CancellationToken) -> Self {
        Self {
            handler,
            ladder,
            survivors: Survivors::default(),
            stop,
            retried: Hush::default(),
            let_go: Hush::default(),
            unreadable: Hush::default(),
            family: PhantomData,
        }
    }

    pub(crate) async fn handle(&self, mut delivered: Delivered) {
        let body = std::mem::take(&mut delivered.body);
        let mut letter = match Letter::read(&delivered.properties, body) {
            Ok(letter) => letter,
            Err(fault) => {
                self.reject(&delivered, &fault).await;
                return;
            }
        };
        let envelope = &letter.envelope;
        let message_id = envelope.message_id;
        let span = info_span!(
            "message",
            %message_id,
            image_id = %envelope.correlation_id,
            request_id = envelope.request_id.as_deref(),
            attempt = envelope.attempt,
        );
        // What this process outlived is no sign of a message that ends processes.
        let outlived = self.survivors.taken(Taken::of(envelope, delivered.place));
        letter.starts = letter.starts.saturating_sub(outlived);
        let handling = self.handle_letter(&mut letter, &delivered);
        handling.instrument(span).await;
    }

    /// Settles a message that came too late to be begun. It comes again as if it had never been here.
    pub(crate) async fn decline(&self, mut delivered: Delivered) {
        let body = std::mem::take(&mut delivered.body);
        let Ok(mut letter) = Letter::read(&delivered.properties, body) else {
            delivered.receipt.put_back().await;
            return;
        };
        let outlived = self.survivors.taken(Taken::of(&letter.envelope, delivered.place));
        letter.starts = letter.starts.saturating_sub(outlived);
        self.put_back(&letter, &delivered).await;
    }

    /// None where it could not be settled; the broker delivers it again.
    async fn handle_letter(&self, letter: &mut Letter, delivered: &Delivered) -> Option<()> {
        let message = match M::decode(&letter.type_name, &letter.body) {
            Ok(message) => message,
            Err(fault) => return self.reject(delivered, &fault).await,
        };
        let delivery = Delivery {
            message,
            envelope: letter.envelope.clone(),
            redelivered: delivered.redelivered || letter.starts > 0,
            last_attempt: self.ladder.is_last(letter.envelope.attempt),
        };
        let verdict = match self.judge_before(letter, delivered.place) {
            Some(verdict) => verdict,
            None => self.judge(letter, self.work(&delivery).await),
        };
        if let Some(reason) = verdict.reason().filter(|_| letter.given_up.is_none()) {
            add_reason(&mut letter.reasons, reason);
        }
        let receipt = &delivered.receipt;
        match verdict {
            Verdict::Done => {}
            Verdict::Retry { delay, reason } => self.retry(letter, receipt, delay, &reason).await?,
            Verdict::Reject { reason } => self.bury(letter, receipt, &reason).await?,
            Verdict::GiveUp(why) => self.give_up(&delivery, letter, receipt, &why).await?,
            Verdict::Suspect => self.put_apart(letter, delivered).await?,
            Verdict::PutBack => return self.put_back(letter, delivered).await,
        }
        receipt.ack().await
    }

    /// What becomes of a message that no work is to be begun on here, if none is.
    fn judge_before(&self, letter: &Letter, place: Place) -> Option<Verdict> {
        let deliveries = letter.starts;
        match (&letter.given_up, place) {
            (Some(header), _) => Some(Verdict::GiveUp(GiveUp::of_header(header))),
            (None, _) if !H::MAY_END_PROCESS => None,
            (None, Place::Ordinary) => (deliveries > 0).then_some(Verdict::Suspect),
            (None, Place::Suspects) => {
                (deliveries >= STARTS_LIMIT).then_some(Verdict::GiveUp(GiveUp::Redelivered { deliveries }))
            }
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

    async fn reject(&self, delivered: &Delivered, fault: &(dyn Error + Send + Sync)) -> Option<()> {
        let fault = chain(fault);
        match self.unreadable.tell() {
            Some(more) => warn!(
                fault,
                more, "a message that cannot be read goes to the dead letters"
            ),
            None => debug!(fault, "a message that cannot be read goes to the dead letters"),
        }
        delivered.receipt.reject().await
    }

    async fn retry(&self, letter: &Letter, receipt: &Receipt, delay: Duration, reason: &str) -> Option<()> {
        match self.retried.tell() {
            Some(more) => warn!(reason, ?delay, more, "a message is held back and tried again"),
            None => debug!(reason, ?delay, "a message is held back and tried again"),
        }
        self.insist(receipt, || self.ladder.retry(letter, delay)).await
    }

    /// It may be what ended its process, or only have been near it: it is tried again alone.
    async fn put_apart(&self, letter: &Letter, delivered: &Delivered) -> Option<()> {
        info!(
            starts = letter.starts,
            "a message that was never settled is put apart, to be worked on alone"
        );
        // Whatever else was in hand may have been to blame for each of these starts, so they count as one.
        let starts = letter.starts.min(1);
        self.insist(&delivered.receipt, || {
            self.pass_on(letter, starts, &delivered.properties, Place::Suspects)
        })
        .await
    }

    /// Through a copy, since the broker counts what it is handed back like what ended its process. Where there is no
    /// time for that, or the count says nothing, it is handed back all the same.
    async fn put_back(&self, letter: &Letter, delivered: &Delivered) -> Option<()> {
        let receipt = &delivered.receipt;
        let copy = || self.pass_on(letter, letter.starts, &delivered.properties, delivered.place);
        if receipt.is_void() {
            return None;
        }
        if H::MAY_END_PROCESS && !self.stop.is_cancelled() {
            self.insist(receipt, copy).await?;
        } else if let Err(error) = copy().await {
            debug!(error = chain(&error), "a message is handed back uncopied");
            return receipt.put_back().await;
        }
        // Under the same name, and counted from zero.
        self.survivors
            .replaced(Taken::of(&letter.envelope, delivered.place));
        receipt.ack().await
    }

    async fn pass_on(
        &self,
        letter: &Letter,
        starts: u64,
        properties: &BasicProperties,
        place: Place,
    ) -> Result<(), PublishError> {
        let properties = carried(properties, starts, &letter.reasons)?;
        self.ladder.pass_on(place, properties, &letter.body).await
    }

    async fn bury(&self, letter: &Letter, receipt: &Receipt, reason: &str) -> Option<()> {
        error!(reason, "a message goes to the dead letters");
        self.insist(receipt, || self.ladder.bury(letter, reason)).await
    }

    /// First whoever waits is told, then the copy is put away, where one is kept; repeating both does no harm, losing one
    /// would.
    async fn give_up(
        &self,
        delivery: &Delivery<M>,
        letter: &Letter,
        receipt: &Receipt,
        why: &GiveUp,
    ) -> Option<()> {
        let telling = async { self.handler.give_up(delivery, why).await };
        let fault = match AssertUnwindSafe(telling).catch_unwind().await {
            Ok(Ok(())) if self.ladder.keeps(why) => {
                return self.bury(letter, receipt, &why.to_string()).await;
            }
            Ok(Ok(())) => {
                match self.let_go.tell() {
                    Some(more) => warn!(%why, more, "a message of the backfill is given up"),
                    None => debug!(%why, "a message of the backfill is given up"),
                }
                return Some(());
            }
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
                debug!(
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

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
