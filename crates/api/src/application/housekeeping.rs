//! What has to be tidied up once in a while.

use std::time::Duration;

use storage_postgres::{
    Database, StorageError, idempotency_purge, product_deletions_purge, webhook_deliveries_purge,
};
use tokio_util::sync::CancellationToken;

/// How often; any replica may do it, and two at once do no harm.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Deletes idempotency keys that are past their time, what reminds of products deleted long ago, and deliveries to webhooks that ended longer than `log_retention`
/// ago, until `stop`.
pub(super) async fn run(database: Database, log_retention: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tell("old idempotency keys", idempotency_purge(&database).await);
        tell("reminders of deletions", product_deletions_purge(&database).await);
        let purged = webhook_deliveries_purge(&database, log_retention).await;
        tell("old deliveries to webhooks", purged);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn tell(what: &str, purged: Result<usize, StorageError>) {
    match purged {
        Ok(0) => {}
        Ok(purged) => tracing::info!(what, purged, "deleted"),
        Err(error) => tracing::warn!(what, %error, "not deleted; they are next time"),
    }
}
