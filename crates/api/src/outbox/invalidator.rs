//! Carries out against Redis what transactions have left in the outbox for the cache. Any number of replicas may run
//! one.
//!
//! Whoever changes a product tells the cache itself, right after the commit; so most of what is found here has been
//! done already, and doing it again does no harm. What matters is the rest: the process ended in between, or Redis was
//! away.

use std::time::Duration;

use storage_postgres::{
    Database, Drained, Invalidation, StorageError, invalidations_drain, invalidations_newest,
    invalidations_pending,
};
use storage_redis::Cache;
use tokio_util::sync::CancellationToken;

use super::{troubles::Troubles, wakeups::Wakeup};

/// Invalidations that are carried out together.
const BATCH_SIZE: u16 = 200;
/// How long a notification waits for others, so that many changes are few turns.
const GATHERING: Duration = Duration::from_millis(50);
/// How often it is looked whether the cache is out of use, and how long until the next try to catch up.
const CATCHING_UP: Duration = Duration::from_millis(250);
/// The longest pause after a failure, so that a cache that is back is soon used again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Takes changed products out of the cache until it is stopped.
pub struct Invalidator {
    database: Database,
    /// None where caching is off; the rows are deleted all the same.
    cache: Option<Cache>,
    wakeup: Wakeup,
}

/// How a turn has ended.
enum Turn {
    /// There is more to do.
    Again,
    /// The cache is not in use yet.
    Soon,
    /// There is nothing more to do.
    Rest,
    /// Redis does not take what there is to do.
    HeldUp(&'static str),
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
            let turn = self.turn().await;
            if let Ok(Turn::Again | Turn::Soon | Turn::Rest) = turn {
                troubles.end();
            }
            let pause = match turn {
                Ok(Turn::Again) => continue,
                Ok(Turn::Soon) => Some(CATCHING_UP),
                Ok(Turn::Rest) => None,
                Ok(Turn::HeldUp(reason)) => Some(troubles.next(reason)),
                Err(error) => Some(troubles.next(&error.to_string())),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = async { match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.rest().await,
                } } => {}
            }
        }
    }

    /// Carries out one batch. A cache that is out of use is in use again once everything is carried out that waited
    /// when the turn began.
    async fn turn(&self) -> Result<Turn, StorageError> {
        let cache = self.cache.as_ref();
        let Some((cache, token)) = cache.and_then(|cache| Some((cache, cache.catching_up()?))) else {
            return Ok(match self.drain().await? {
                drained if drained.published < drained.claimed => Turn::HeldUp("Redis does not take them"),
                drained if drained.claimed == usize::from(BATCH_SIZE) => Turn::Again,
                _ => Turn::Rest,
            });
        };
        if cache.ping().await.is_err() {
            return Ok(Turn::HeldUp("Redis does not answer"));
        }
        let newest = invalidations_newest(&self.database).await?;
        let drained = self.drain().await?;
        if drained.published < drained.claimed {
            return Ok(Turn::HeldUp("Redis does not take them"));
        }
        let is_pending = match newest {
            Some(newest) => invalidations_pending(&self.database, newest).await?,
            None => false,
        };
        if is_pending {
            // Where this drain has found nothing, it is another that has them in hand.
            return Ok(if drained.claimed > 0 {
                Turn::Again
            } else {
                Turn::Soon
            });
        }
        cache.caught_up(token);
        Ok(match cache.catching_up() {
            Some(_) => Turn::Soon,
            None => Turn::Again,
        })
    }

    async fn drain(&self) -> Result<Drained, StorageError> {
        let carry_out = |rows: Vec<Invalidation>| async move {
            let Some(cache) = &self.cache else {
                return vec![true; rows.len()];
            };
            let floors: Vec<_> = rows
                .iter()
                .map(|row| (row.account_id, row.product_id, row.floor))
                .collect();
            cache.products_invalidate(&floors).await
        };
        invalidations_drain(&self.database, BATCH_SIZE, carry_out).await
    }

    /// Waits for something to do.
    async fn rest(&mut self) {
        let out_of_use = async {
            let Some(cache) = &self.cache else {
                return std::future::pending().await;
            };
            while cache.catching_up().is_none() {
                tokio::time::sleep(CATCHING_UP).await;
            }
        };
        tokio::select! {
            () = out_of_use => {}
            () = self.wakeup.next() => tokio::time::sleep(GATHERING).await,
        }
    }
}
