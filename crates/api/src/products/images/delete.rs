//! Removing a picture.

use domain::{AccountId, Change, ChangeEvent, Expected, ImageId, ProductId};
use storage_postgres::{Cause, Updated, image_delete};

use crate::products::{Catalogue, ProductError};

/// Removes a picture from a product that is at one of the `expected` versions, where any are named, and asks for its
/// objects to be purged, in one transaction.
///
/// # Errors
/// `NoSuchImage`, `VersionMismatch` or `Storage`.
pub async fn delete_image(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    expected: Option<&Expected>,
    cause: &Cause,
) -> Result<(), ProductError> {
    match image_delete(&catalogue.database, account, product, id, expected, cause).await? {
        Updated::Changed(after) | Updated::Unchanged(after) => {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, product, after.version);
            catalogue.changed(change.at(after.updated_at)).await;
            tracing::info!(product_id = %product, image_id = %id, version = after.version, "picture deleted");
            Ok(())
        }
        Updated::NotFound => Err(ProductError::NoSuchImage),
        Updated::VersionMismatch { current } => {
            // It may have come a moment ago, and its invalidation is still to come.
            catalogue.invalidate(account, product, current).await;
            Err(ProductError::VersionMismatch { current })
        }
        Updated::Refused(never) => match never {},
    }
}
