//! Why something about webhooks is not done.

use domain::Faults;
use storage_postgres::StorageError;

/// Why something about webhooks is not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The input breaks rules.
    #[error("the endpoint is not valid")]
    Invalid(Faults),
    /// There is no such endpoint in the account, or no such delivery to it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The endpoint is no longer as the caller knew it.
    #[error("the endpoint is at version {current}")]
    VersionMismatch {
        /// The version it is at.
        current: i64,
    },
    /// The account has as many endpoints as it may have.
    #[error("there are too many endpoints")]
    TooMany,
    /// Nothing is delivered to the endpoint.
    #[error("the endpoint is disabled")]
    Disabled,
    /// The first request with this idempotency key is still running.
    #[error("the idempotency key is in use")]
    KeyInUse,
    /// The idempotency key came with another body before.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// No secret can be made.
    #[error("the system gives no random bytes")]
    NoRandomness(#[source] getrandom::Error),
    /// The database did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
