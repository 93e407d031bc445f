//! One answer of a worker, put into the database and out of the cache.

use messages::{ImageResult, Message as _};
use storage_postgres::{Applied, Cause, StorageError, image_result_apply};

use crate::products::Catalogue;

/// Applies an answer. One that comes twice, or too late, changes nothing.
///
/// # Errors
/// Whatever the database says; nothing is changed then.
pub(crate) async fn apply_result(
    catalogue: &Catalogue,
    result: &ImageResult,
    cause: &Cause,
) -> Result<(), StorageError> {
    let kind = result.type_name();
    match image_result_apply(&catalogue.database, result, cause).await? {
        Applied::Changed {
            account_id,
            product_id,
            version,
        } => {
            catalogue.invalidate(account_id, product_id, version).await;
            tracing::info!(kind, %product_id, version, "result applied");
        }
        Applied::Unchanged => tracing::info!(kind, "result changes nothing"),
        Applied::Gone => tracing::info!(kind, "result for a picture that is gone"),
    }
    Ok(())
}
