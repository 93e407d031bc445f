//! Carries out against Redis what transactions have left in the outbox for the cache and for those who watch. Any number
//! of replicas may run one.
//!
//! Whoever changes a product tells both itself, right after the commit; so most of what is found here has been
//! done already, and doing it again does no harm. What matters is the rest: the process ended in between, or Redis was
//! away.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use domain::Change;
use storage_postgres::{
    Database, Drained, StorageError, cache_doubt_announce, invalidations_drain, invalidations_newest,
    invalidations_pending,
};
use storage_redis::{Cache, LiveChannel};
use tokio_util::sync::CancellationToken;

use crate::troubles::Troubles;

/// Invalidations that are carried out together.
const BATCH_SIZE: u16 = 200;
/// From one look to the next. Nobody is notified of these rows: it would cost every change more than the row itself,
/// for what has mostly been done already.
const INTERVAL: Duration = Duration::from_millis(250);
/// The longest pause after a failure, so that a cache that is back is soon used again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Takes changed products out of the cache until it is stopped.
pub struct Invalidator {
    database: Database,
    /// None where caching is off; the rows are deleted all the same.
    cache: Option<Cache>,
    live: LiveChannel,
}

/// How a turn has ended.
enum Turn {
    /// There is more to do.
    Again,
    /// There is nothing more to do now.
    Rest,
    /// Redis does not take what there is to do.
    HeldUp(&'static str),
}

impl Invalidator {
    /// One that has not begun.
    pub fn new(database: Database, cache: Option<Cache>, live: LiveChannel) -> Self {
        Self {
            database,
            cache,
            live,
        }
    }

    /// Runs until `stop`. A batch that is under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut troubles = Troubles::new("invalidations of the cache", LONGEST_PAUSE);
        while !stop.is_cancelled() {
            let turn = self.turn().await;
            if matches!(turn, Ok(Turn::Again | Turn::Rest)) {
                troubles.end();
            }
            let pause = match turn {
                Ok(Turn::Again) => continue,
                Ok(Turn::Rest) => INTERVAL,
                Ok(Turn::HeldUp(reason)) => troubles.next(reason),
                Err(error) => troubles.next(&error.to_string()),
            };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
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
                Turn::Rest
            });
        }
        cache.caught_up(token);
        Ok(Turn::Rest)
    }

    async fn drain(&self) -> Result<Drained, StorageError> {
        let is_told = &AtomicBool::new(true);
        let carry_out = |changes: Vec<Change>| async move {
            let taken = match &self.cache {
                Some(cache) => {
                    let floors: Vec<_> = changes
                        .iter()
                        .map(|change| (change.account_id, change.product_id, change.version))
                        .collect();
                    cache.products_invalidate(&floors).await
                }
                None => vec![true; changes.len()],
            };
            // What stays is told another time.
            if taken.contains(&true) {
                is_told.store(self.live.publish(&changes).await, Ordering::Relaxed);
            }
            taken
        };
        let drained = invalidations_drain(&self.database, BATCH_SIZE, carry_out).await?;
        // Those who watch hold up no row: the outbox must not fill up for want of a Redis that nothing else needs.
        if !is_told.load(Ordering::Relaxed)
            && let Err(error) = cache_doubt_announce(&self.database).await
        {
            tracing::debug!(%error, "changes are told to nobody; they are found in the rows");
        }
        Ok(drained)
    }
}
