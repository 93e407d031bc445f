//! Changing a product.

use domain::{AccountId, Change, ChangeEvent, Expected, ProductId};
use serde_json::Value;
use storage_postgres::{Updated, product_update};

use super::{Catalogue, ProductError, catalogue::Rendered, draft};

/// Applies a merge patch to a product of an `expected` version.
///
/// A patch that changes nothing leaves the version as it is.
///
/// # Errors
/// `NotFound`, `VersionMismatch`, `Invalid`, `DuplicateSku` or `Storage`.
pub async fn update_product(
    catalogue: &Catalogue,
    account: AccountId,
    id: ProductId,
    expected: Option<&Expected>,
    patch: &Value,
) -> Result<Rendered, ProductError> {
    let change = |product: &domain::Product| draft::read_patched(&product.draft, patch, catalogue.currency);
    match product_update(&catalogue.database, account, id, expected, change).await? {
        Updated::Changed(product) => {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, id, product.version);
            catalogue.changed(change.at(product.updated_at)).await;
            tracing::info!(product_id = %id, version = product.version, "product changed");
            Ok(catalogue.render(&product))
        }
        Updated::Unchanged(product) => {
            // What is shown may have been committed a moment ago by another, whose invalidation is still to come.
            catalogue.invalidate(account, id, product.version).await;
            Ok(catalogue.render(&product))
        }
        Updated::NotFound => Err(ProductError::NotFound),
        Updated::VersionMismatch { current } => {
            catalogue.invalidate(account, id, current).await;
            Err(ProductError::VersionMismatch { current })
        }
        Updated::Refused(faults) => Err(ProductError::Invalid(faults)),
    }
}
