//! Takes the workers' answers from their queue.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use broker::{Delivery, GiveUp, Handler, Outcome, PublishError};
use messages::ImageResult;
use storage_postgres::Cause;
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
    /// ladder. It does not wait for ever, since the broker takes back what is not settled in half an hour. At a stop it
    /// goes back as it is.
    async fn handle(&self, delivery: &Delivery<ImageResult>) -> Outcome {
        let envelope = &delivery.envelope;
        let cause = Cause {
            request_id: envelope.request_id.clone(),
            traceparent: envelope.traceparent.clone(),
        };
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_total_delay(Some(PATIENCE))
            .without_max_times()
            .with_jitter()
            .build();
        loop {
            let error = match apply_result(&self.catalogue, &delivery.message, &cause).await {
                Ok(()) => return Outcome::Done,
                Err(error) => error,
            };
            let pause = pauses.next().filter(|_| error.is_unavailable());
            let Some(pause) = pause else {
                return Outcome::Retry {
                    reason: error.to_string(),
                };
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
