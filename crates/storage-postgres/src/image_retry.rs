//! Having a picture that has failed tried again, for its owner.

use domain::{AccountId, ImageId, ImageStatus, Product, ProductId};
use futures_util::future::join;

use crate::{
    database::Database,
    error::StorageError,
    idempotency::{IdempotencyClaim, StoredAnswer},
    image_change::{ImagePosted, ImagesChange, posted_before_in_txn, product_hold_in_txn},
    image_restart::{image_renew_in_txn, image_source, restart_entries},
    lease::End,
    outbox_write::Cause,
};

/// The picture has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageNotFailed {
    /// How far it is.
    pub status: ImageStatus,
}

/// Asks for the next generation of a picture that has failed: it is pending again, as if it were new. With a `claim`, the
/// answer that `answer` makes of the product is stored for whoever repeats the request.
///
/// # Errors
/// See [`StorageError`]. Nothing is changed then.
pub async fn image_retry(
    database: &Database,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&Product) -> StoredAnswer,
) -> Result<ImagePosted<ImageNotFailed>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            if let Some(end) = posted_before_in_txn(connection, claim, database.statement_timeout()).await? {
                return Ok(End::Rollback(end));
            }
            let held = product_hold_in_txn(connection, account, product);
            let (held, source) = join(held, image_source(connection, id)).await;
            let Some((before, now)) = held? else {
                return Ok(End::Rollback(ImagePosted::NotFound));
            };
            let image = before.images.iter().find(|image| image.id == id);
            let (Some(image), Some((_, source))) = (image, source?) else {
                return Ok(End::Rollback(ImagePosted::NotFound));
            };
            if image.status != ImageStatus::Failed {
                let refusal = ImageNotFailed { status: image.status };
                return Ok(End::Rollback(ImagePosted::Refused(refusal)));
            }
            let generation = image.generation + 1;
            let changed = ImagesChange::of(&before, now, |images| {
                for image in images.iter_mut().filter(|image| image.id == id) {
                    image.status = ImageStatus::Pending;
                    image.generation = generation;
                    image.attempts = 0;
                    image.error = None;
                    image.updated_at = image.updated_at.max(now);
                }
            });
            let entries = restart_entries((account, product, id), generation, source, cause)?;
            let stored = claim.map(|claim| (claim, answer(&changed.after)));
            let renew = image_renew_in_txn(connection, account, id, generation);
            changed
                .write_in_txn(connection, entries.into(), renew, stored)
                .await?;
            Ok(End::Commit(ImagePosted::Fresh(changed.after)))
        })
        .await
}
