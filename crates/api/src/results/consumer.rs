//! Takes the workers' answers from their queue.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use broker::{Delivery, GiveUp, Handler, Outcome, PublishError};
use messages::ImageResult;
use storage_postgres::{Cause, StorageError};
use tokio_util::sync::CancellationToken;

use super::apply::apply_result;
use crate::products::Catalogue;

/// How long an answer waits for the database before it goes to the retry ladder.
const PATIENCE: Duration = Duration::from_secs(600);

/// Applies the workers' answers.
pub struct ResultsHandler {
    catalogue: Catalogue,
    stop: CancellationToken,
}

impl ResultsHandler {
    /// A handler that stops waiting for the database at `stop`.
    pub fn new(catalogue: Catalogue, stop: CancellationToken) -> Self {
        Self { catalogue, stop }
    }
}

impl Handler<ImageResult> for ResultsHandler {
    /// While the database is away, an answer waits here at first, and burns no attempt: it would fare no better on the
    /// ladder. It does not wait for ever, since the broker takes back what is not settled in half an hour.
    async fn handle(&self, delivery: &Delivery<ImageResult>) -> Outcome {
        let envelope = &delivery.envelope;
        let cause = Cause {
            request_id: envelope.request_id.clone(),
            traceparent: envelope.traceparent.clone(),
        };
        let attempt = || apply_result(&self.catalogue, &delivery.message, &cause);
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_total_delay(Some(PATIENCE))
            .without_max_times()
            .with_jitter();
        let waiting = attempt
            .retry(pauses)
            .when(|error: &StorageError| error.is_unavailable() && !self.stop.is_cancelled())
            .notify(|error, pause| tracing::debug!(%error, ?pause, "the database is away; the result waits"));
        let applied = tokio::select! {
            applied = waiting => applied,
            () = self.stop.cancelled() => apply_result(&self.catalogue, &delivery.message, &cause).await,
        };
        match applied {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Retry {
                reason: error.to_string(),
            },
        }
    }

    /// A copy is kept among the dead letters; the picture itself stays unfinished until it is asked for again.
    async fn give_up(&self, _: &Delivery<ImageResult>, why: &GiveUp) -> Result<(), PublishError> {
        tracing::error!(%why, "a result cannot be applied");
        Ok(())
    }
}
