//! Why a use case does not do what was asked.

use std::sync::Arc;

use domain::{Faults, ImageStatus};
use storage_postgres::StorageError;

/// Why a use case does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// The input breaks rules.
    #[error("the product is not valid")]
    Invalid(Faults),
    /// An item of a batch is no JSON; says why.
    #[error("the item is no JSON")]
    Malformed(String),
    /// There is no such product in the account.
    #[error("there is no such product")]
    NotFound,
    /// The product is not of a version that the caller expects.
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
    /// There is no such picture of a product of the account.
    #[error("there is no such picture")]
    NoSuchImage,
    /// The product has as many pictures as it may have.
    #[error("the product has as many pictures as it may have")]
    TooManyImages,
    /// Only a picture that has failed is tried again.
    #[error("the picture is {status}")]
    ImageNotFailed {
        /// How far it is.
        status: ImageStatus,
    },
    /// The bucket did not take a file.
    #[error(transparent)]
    Store(storage_s3::Error),
    /// A file could not be stored and its picture added in time.
    #[error("a file was not stored, or its picture not added, in time")]
    StoreTimeout,
    /// The database did not do its part.
    #[error(transparent)]
    Storage(StorageError),
    /// The same, for several who had asked for the same.
    #[error(transparent)]
    SharedStorage(#[from] Arc<StorageError>),
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
