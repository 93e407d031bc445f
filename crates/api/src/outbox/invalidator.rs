//! Carries out against Redis what transactions have left in the outbox for the cache. Any number of replicas may run
//! one.
//!
//! Whoever changes a product tells the cache itself, right after the commit; so most of what is found here has been
//! done already, and doing it again does no harm. What matters is the rest: the process ended in between, or Redis was
//! away.

use std::time::Duration;

use futures_util::future::join_all;
use storage_postgres::{Database, Drained, Invalidation, StorageError, invalidations_drain};
use storage_redis::Cache;
use tokio_util::sync::CancellationToken;

use super::{troubles::Troubles, wakeups::Wakeup};

/// Invalidations that are carried out together.
const BATCH_SIZE: u16 = 200;
/// How long a notification waits for others, so that many changes are few turns.
const GATHERING: Duration = Duration::from_millis(50);
/// The longest pause after a failure, so that a cache that is back is soon used again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Takes changed products out of the cache until it is stopped.
pub struct Invalidator {
    database: Database,
    /// None where caching is off; the rows are deleted all the same.
    cache: Option<Cache>,
    wakeup: Wakeup,
}

impl Invalidator {
    /// One that has not begun.
    pub fn new(database: Database, cache: Option<Cache>, wakeup: Wakeup) -> Self {
        Self {
            database,
            cache,
            wakeup,
        }
    }

    /// Runs until `stop`. A batch that is under way is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut troubles = Troubles::new("invalidations of the cache", LONGEST_PAUSE);
        while !stop.is_cancelled() {
            let pause = match self.drain().await {
                Ok(drained) if drained.claimed > drained.published => {
                    Some(troubles.next("the cache does not take them"))
                }
                Ok(drained) => {
                    troubles.end();
                    if drained.claimed == usize::from(BATCH_SIZE) {
                        continue;
                    }
                    None
                }
                Err(error) => Some(troubles.next(&error.to_string())),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = async { match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => {
                        self.wakeup.next().await;
                        tokio::time::sleep(GATHERING).await;
                    }
                } } => {}
            }
        }
    }

    async fn drain(&self) -> Result<Drained, StorageError> {
        let carry_out = |rows: Vec<Invalidation>| async move {
            let Some(cache) = &self.cache else {
                return vec![true; rows.len()];
            };
            join_all(
                rows.iter()
                    .map(|row| cache.product_invalidate(row.account_id, row.product_id, row.floor)),
            )
            .await
        };
        invalidations_drain(&self.database, BATCH_SIZE, carry_out).await
    }
}
