//! Why a use case does not do what was asked.

use domain::Faults;
use storage_postgres::StorageError;

/// Why a use case does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// The input breaks rules.
    #[error("the product is not valid")]
    Invalid(Faults),
    /// There is no such product in the account.
    #[error("there is no such product")]
    NotFound,
    /// The product is no longer as the caller knew it.
    #[error("the product is at version {current}")]
    VersionMismatch {
        /// The version it is at.
        current: i64,
    },
    /// The sku belongs to another product of the account.
    #[error("the sku is taken")]
    DuplicateSku,
    /// More products match than can be counted in time.
    #[error("there are too many products to count")]
    TooManyToCount,
    /// The first request with this idempotency key is still running.
    #[error("the idempotency key is in use")]
    KeyInUse,
    /// The idempotency key came with another body before.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The database did not do its part.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for ProductError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::DuplicateSku => Self::DuplicateSku,
            StorageError::TooManyToCount(_) => Self::TooManyToCount,
            other => Self::Storage(other),
        }
    }
}
