//! One answer of a worker, put into the database and told to the cache and to those who watch.

use messages::{ImageResult, Message as _};
use storage_postgres::{Applied, Cause, StorageError, image_result_apply};

use crate::products::Catalogue;

/// Counts pictures that could not be made again.
const NOT_REPROCESSED: &str = "images_not_reprocessed_total";

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
        Applied::Changed(change) => {
            let (product_id, version) = (change.product_id, change.version);
            catalogue.changed(change).await;
            tracing::info!(kind, %product_id, version, "result applied");
        }
        Applied::Unchanged => tracing::info!(kind, "result changes nothing"),
        Applied::NotReprocessed => {
            metrics::counter!(NOT_REPROCESSED).increment(1);
            let (image_id, code) = (result.image_id(), code(result));
            tracing::warn!(kind, %image_id, code, "a picture could not be made again; it stays as it is");
        }
        Applied::Gone => tracing::info!(kind, "result for a picture that is gone"),
    }
    Ok(())
}

fn code(result: &ImageResult) -> Option<&'static str> {
    match result {
        ImageResult::Failed(body) => Some(body.error.code.as_str()),
        ImageResult::Started(_) | ImageResult::Processed(_) => None,
    }
}
