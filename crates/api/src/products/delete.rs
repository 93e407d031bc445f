//! Deleting a product.

use domain::{AccountId, Change, ChangeEvent, Expected, ProductId};
use storage_postgres::{Cause, Deleted, product_delete};

use super::{Catalogue, ProductError};

/// Deletes a product of an `expected` version, and asks for the objects of its pictures to be purged, in one transaction.
///
/// # Errors
/// `NotFound`, `VersionMismatch` or `Storage`.
pub async fn delete_product(
    catalogue: &Catalogue,
    account: AccountId,
    id: ProductId,
    expected: Option<&Expected>,
    cause: &Cause,
) -> Result<(), ProductError> {
    match product_delete(&catalogue.database, account, id, expected, cause).await? {
        Deleted::Done { version } => {
            // A reader may still hold the last version; the one after it never comes.
            let change = Change::of_product(ChangeEvent::ProductDeleted, account, id, version + 1);
            catalogue.changed(change).await;
            tracing::info!(product_id = %id, "product deleted");
            Ok(())
        }
        Deleted::NotFound => Err(ProductError::NotFound),
        Deleted::VersionMismatch { current } => {
            // It may have come a moment ago, and its invalidation is still to come.
            catalogue.invalidate(account, id, current).await;
            Err(ProductError::VersionMismatch { current })
        }
    }
}
