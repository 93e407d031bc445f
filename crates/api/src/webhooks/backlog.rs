//! How much waits to be delivered, for those who watch.

use std::time::Duration;

use storage_postgres::{Database, webhook_deliveries_waiting};
use tokio_util::sync::CancellationToken;

/// Deliveries that wait at enabled endpoints, those for their next attempt included.
const WAITING: &str = "webhook_deliveries_waiting";
/// For how long the longest due delivery has been so.
const OLDEST: &str = "webhook_deliveries_oldest_due_seconds";
/// From one count to the next.
const INTERVAL: Duration = Duration::from_secs(15);

/// Keeps the gauges until `stop`. A failure leaves them as they are: that the database is away is told elsewhere.
pub(super) async fn watch(database: &Database, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        if let Ok(waiting) = webhook_deliveries_waiting(database).await {
            metrics::gauge!(WAITING).set(waiting.count as f64);
            metrics::gauge!(OLDEST).set(waiting.oldest_seconds);
        }
        stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
    }
}
