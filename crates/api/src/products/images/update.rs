//! Changing a picture.

use domain::{AccountId, Change, ChangeEvent, Expected, ImageId, ProductId};
use serde_json::Value;
use storage_postgres::{Updated, image_update};

use super::draft;
use crate::products::{Catalogue, ProductError, catalogue::Rendered};

/// Applies a merge patch to a picture of a product that is at one of the `expected` versions, where any are named.
///
/// A patch that changes nothing leaves the version as it is.
///
/// # Errors
/// `NoSuchImage`, `VersionMismatch`, `Invalid` or `Storage`.
pub async fn update_image(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    expected: Option<&Expected>,
    patch: &Value,
) -> Result<Rendered, ProductError> {
    let change = |image: &domain::Image| draft::read_patched(image, patch);
    match image_update(&catalogue.database, account, product, id, expected, change).await? {
        Updated::Changed(after) => {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, product, after.version);
            catalogue.changed(change.at(after.updated_at)).await;
            tracing::info!(product_id = %product, image_id = %id, version = after.version, "picture changed");
            Ok(catalogue.render_image(&after, id))
        }
        Updated::Unchanged(as_it_is) => {
            // What is shown may have been committed a moment ago by another, whose invalidation is still to come.
            catalogue.invalidate(account, product, as_it_is.version).await;
            Ok(catalogue.render_image(&as_it_is, id))
        }
        Updated::NotFound => Err(ProductError::NoSuchImage),
        Updated::VersionMismatch { current } => {
            catalogue.invalidate(account, product, current).await;
            Err(ProductError::VersionMismatch { current })
        }
        Updated::Refused(faults) => Err(ProductError::Invalid(faults)),
    }
}
