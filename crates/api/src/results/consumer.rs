//! Takes the workers' answers from their queue.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use broker::{Delivery, GiveUp, Handler, Outcome, PublishError};
use messages::ImageResult;
use storage_postgres::Cause;
use tokio_util::sync::CancellationToken;

use super::apply::apply_result;
use crate::products::Catalogue;

/// How long an answer waits for the database in one go: well below the half hour after which RabbitMQ takes a message
/// back from a consumer that has not acknowledged it.
const PATIENCE: Duration = Duration::from_mins(10);

/// Applies the workers' answers.
pub struct ResultsHandler {
    catalogue: Catalogue,
    stop: CancellationToken,
    patience: Duration,
}

impl ResultsHandler {
    /// A handler that stops waiting for the database at `stop`.
    pub fn new(catalogue: Catalogue, stop: CancellationToken) -> Self {
        Self {
            catalogue,
            stop,
            patience: PATIENCE,
        }
    }

    /// The same with another time for which an answer waits for the database before it goes back to the queue.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl Handler<ImageResult> for ResultsHandler {
    /// A few values for the database end nobody.
    const MAY_END_PROCESS: bool = false;

    /// While the database is away, an answer waits here and burns no attempt: it would fare no better on the ladder.
    /// When it has waited for long, and at a stop, it goes back to the queue as it is.
    async fn handle(&self, delivery: &Delivery<ImageResult>) -> Outcome {
        let envelope = &delivery.envelope;
        let cause = Cause {
            request_id: envelope.request_id.clone(),
            traceparent: envelope.traceparent.clone(),
        };
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_total_delay(Some(self.patience))
            .without_max_times()
            .with_jitter()
            .build();
        loop {
            let error = match apply_result(&self.catalogue, &delivery.message, &cause).await {
                Ok(()) => return Outcome::Done,
                Err(error) => error,
            };
            if !error.is_unavailable() {
                return Outcome::Retry {
                    reason: error.to_string(),
                };
            }
            let Some(pause) = pauses.next() else {
                return Outcome::PutBack;
            };
            tracing::debug!(%error, ?pause, "the database is away; the result waits");
            if self
                .stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return Outcome::PutBack;
            }
        }
    }

    /// A copy is kept among the dead letters; the picture itself stays unfinished until it is asked for again.
    async fn give_up(&self, _: &Delivery<ImageResult>, why: &GiveUp) -> Result<(), PublishError> {
        tracing::error!(%why, "a result cannot be applied");
        Ok(())
    }
}
