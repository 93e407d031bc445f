//! What is done once for each idempotency key, and what becomes of the rest.

use storage_postgres::{Once, StoredAnswer, WebhookRefusal};

use super::WebhookError;
use crate::answered::Answered;

/// How a request is answered by what came of it; `what` is what was looked for.
pub(super) fn answered<T>(
    outcome: Once<T, WebhookRefusal>,
    what: &'static str,
    answer: impl FnOnce(&T) -> StoredAnswer,
) -> Result<Answered, WebhookError> {
    match outcome {
        Once::Fresh(done) => Ok(Answered::Fresh(answer(&done))),
        Once::Replayed(answer) => Ok(Answered::Replayed(answer)),
        Once::KeyInUse => Err(WebhookError::KeyInUse),
        Once::KeyReused => Err(WebhookError::KeyReused),
        Once::Refused(refusal) => Err(match refusal {
            WebhookRefusal::NotFound => WebhookError::NotFound(what),
            WebhookRefusal::VersionMismatch { current } => WebhookError::VersionMismatch { current },
            WebhookRefusal::Disabled => WebhookError::Disabled,
            WebhookRefusal::TooMany => WebhookError::TooMany,
        }),
    }
}
