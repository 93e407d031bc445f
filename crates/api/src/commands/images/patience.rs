//! Going on after the database was away: a run of many hours should not end by that.

use std::time::{Duration, Instant};

use storage_postgres::StorageError;

/// The longest absence that is waited for.
const LONGEST: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until the database answers, or has been away for long.
pub(super) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, StorageError>) -> Result<T, StorageError> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(error) if error.is_unavailable() && begun.elapsed() < LONGEST => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
