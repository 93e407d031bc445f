//! What has to be tidied up once in a while.

use std::time::Duration;

use storage_postgres::{Database, idempotency_purge};
use tokio_util::sync::CancellationToken;

/// How often; any replica may do it, and two at once do no harm.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Deletes idempotency keys that are past their time, until `stop`.
pub(super) async fn run(database: Database, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match idempotency_purge(&database).await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "old idempotency keys deleted"),
            Err(error) => tracing::warn!(%error, "old idempotency keys are not deleted; they are next time"),
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
