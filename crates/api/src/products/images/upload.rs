//! Adding a picture whose file the caller sends.

use std::time::Duration;

use domain::{AccountId, ImageId, ProductId, product::IMAGES_MAX};
use messages::ImageSource;
use storage_postgres::{
    AddedImage, Cause, IdempotencyClaim, KnownKey, StorageError, StoredAnswer, UPLOAD_GRACE,
    idempotency_find, images_count,
};
use tokio::time::{Instant, timeout_at};

use super::add::add;
use crate::{
    answered::Answered,
    products::{Catalogue, ProductError, catalogue::Rendered},
    uploads::{Spooled, Uploads},
};

/// From naming a picture to the end of the transaction that adds it. The reconciler spares a file for twice as long.
const STORE_TIMEOUT: Duration = Duration::from_secs(UPLOAD_GRACE.as_secs() / 2);

/// A file that has arrived, and what was said of it.
#[derive(Debug)]
pub struct Upload {
    /// The file.
    pub file: Spooled,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
    /// Its place among the other pictures.
    pub position: Option<i32>,
}

/// Tells before a file is sent what would come of it, as far as that shows by then.
///
/// A request that repeats an earlier one is let in whatever has become of the product since: it gets the first answer.
///
/// # Errors
/// `NotFound`, `TooManyImages` or `Storage`.
pub async fn expect_upload(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    claim: Option<&IdempotencyClaim>,
) -> Result<(), ProductError> {
    if let Some(claim) = claim
        && idempotency_find(&catalogue.database, claim).await?.is_some()
    {
        return Ok(());
    }
    match images_count(&catalogue.database, account, product).await? {
        None => Err(ProductError::NotFound),
        Some(count) if count >= IMAGES_MAX => Err(ProductError::TooManyImages),
        Some(_) => Ok(()),
    }
}

/// Stores a file and adds its picture to a product. Where the picture cannot be added, its file is deleted again; where
/// that cannot be told, or this process dies in between, the reconciler finds a file that no picture needs.
///
/// # Errors
/// `NotFound`, `TooManyImages`, `KeyInUse`, `KeyReused`, `Store`, `StoreTimeout` or `Storage`.
pub async fn upload_image(
    catalogue: &Catalogue,
    uploads: &Uploads,
    (account, product): (AccountId, ProductId),
    cause: &Cause,
    upload: Upload,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(ImageId, Rendered) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    if let Some(claim) = claim {
        match idempotency_find(&catalogue.database, claim).await? {
            Some(KnownKey::Answered(answer)) => return Ok(Answered::Replayed(answer)),
            Some(KnownKey::Reused) => return Err(ProductError::KeyReused),
            None => {}
        }
    }
    let id = ImageId::generate();
    let deadline = Instant::now() + STORE_TIMEOUT;
    let key = match timeout_at(deadline, uploads.store(id, &upload.file)).await {
        Ok(Ok(key)) => key,
        // The file may have got there all the same.
        Ok(Err(error)) => {
            uploads.discard(id).await;
            return Err(ProductError::Store(error));
        }
        Err(_) => {
            uploads.discard(id).await;
            return Err(ProductError::StoreTimeout);
        }
    };
    let added = AddedImage {
        id,
        source: ImageSource::Object { key },
        alt: upload.alt,
        position: upload.position,
    };
    let adding = add(catalogue, (account, product), &added, cause, claim, answer);
    let outcome = timeout_at(deadline, adding)
        .await
        .unwrap_or(Err(ProductError::StoreTimeout));
    if is_in_vain(&outcome) {
        uploads.discard(id).await;
    }
    outcome
}

/// True where it is certain that the picture was not added. A database that went away may have committed it.
fn is_in_vain(outcome: &Result<Answered, ProductError>) -> bool {
    match outcome {
        Ok(Answered::Fresh(_)) | Err(ProductError::StoreTimeout) => false,
        Err(ProductError::Storage(StorageError::Unavailable(_))) => false,
        Ok(Answered::Replayed(_)) | Err(_) => true,
    }
}
