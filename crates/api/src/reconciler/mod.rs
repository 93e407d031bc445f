//! Puts right what nobody answers for: pictures without an answer, and objects that no picture needs.
//!
//! Any number of replicas may run one; a lock in the database lets one of them work at a time. Everything it does bears
//! to be done twice.

mod stuck;
mod sweep;
mod trouble;

use std::time::Duration;

use broker::Broker;
use messages::Work;
use storage_postgres::{
    Database, DatabaseConfig, ReconcilerLock, StorageError, backfill_held_up, jobs_held_up,
};
use storage_s3::S3Config;
use tokio_util::sync::CancellationToken;

use self::{
    stuck::{Answered, Stuck},
    sweep::Sweep,
    trouble::Trouble,
};
use crate::products::Catalogue;

/// The longest that one turn may take; after it, another replica may begin.
const TURN_LIMIT: Duration = Duration::from_secs(300);
/// More jobs than this that wait for a worker are reason enough for pictures to be late.
const JOBS_WAITING_MAX: u32 = 100;

/// So many turns in a row that work was late for are told of: lost pictures wait as long.
const LATE_TURNS_TOLD: u32 = 15;

/// How the reconciler goes about it.
#[derive(Clone, Debug)]
pub struct ReconcilerConfig {
    /// Where its lock is.
    pub database: DatabaseConfig,
    /// Where the objects lie.
    pub s3: S3Config,
    /// From the end of a turn to the next.
    pub every: Duration,
    /// A picture without news for so long is asked for again.
    pub stuck_after: Duration,
    /// An object older than this that no picture needs is deleted.
    pub orphan_age: Duration,
}

/// Looks for what nobody answers for until it is stopped.
pub struct Reconciler {
    database: Database,
    broker: Broker,
    config: ReconcilerConfig,
    stuck: Stuck,
    sweep: Sweep,
    trouble: Trouble,
    late_turns: u32,
}

impl Reconciler {
    /// One that has not begun.
    pub fn new(catalogue: Catalogue, broker: Broker, config: ReconcilerConfig) -> Self {
        let database = catalogue.database.clone();
        Self {
            broker,
            stuck: Stuck::new(catalogue, config.stuck_after),
            sweep: Sweep::new(database.clone(), &config),
            trouble: Trouble::new("pictures without an answer"),
            late_turns: 0,
            database,
            config,
        }
    }

    /// Runs until `stop`. What a turn has committed stays, and the next one does the rest.
    pub async fn run(mut self, stop: CancellationToken) {
        let turns = async {
            loop {
                tokio::time::sleep(self.config.every).await;
                if tokio::time::timeout(TURN_LIMIT, self.turn()).await.is_err() {
                    tracing::warn!("the reconciler takes too long; it goes on in its next turn");
                }
            }
        };
        stop.run_until_cancelled(turns).await;
    }

    async fn turn(&mut self) {
        let alone = self.begin().await;
        let Some(Some(lock)) = self.trouble.note(alone) else {
            return;
        };
        let stuck = self.look_for_stuck().await;
        let stuck = self.trouble.note(stuck).unwrap_or_default();
        let purged = self.sweep.turn().await;
        drop(lock);
        if stuck.asked + stuck.given_up + purged.total() > 0 {
            tracing::info!(
                asked_again = stuck.asked,
                given_up = stuck.given_up,
                purged_gone = purged.gone,
                purged_superseded = purged.superseded,
                purged_failed = purged.failed,
                "reconciled"
            );
        }
    }

    async fn look_for_stuck(&self) -> Result<Answered, StorageError> {
        let ordinary = self.stuck.turn().await?;
        if self.is_backfill_late().await? {
            return Ok(ordinary);
        }
        Ok(ordinary.and(self.stuck.turn_backfill().await?))
    }

    /// True while a backfill waits anywhere. It waits for as long as there are new pictures, and so says nothing of one
    /// that is lost.
    async fn is_backfill_late(&self) -> Result<bool, StorageError> {
        let waiting = self.broker.queue_depth(Work::Backfill).await;
        Ok(!matches!(waiting, Ok(0)) || backfill_held_up(&self.database).await?)
    }

    /// The right to work, where there is reason to: nothing is missing while everything is merely late.
    async fn begin(&mut self) -> Result<Option<ReconcilerLock>, StorageError> {
        let lock = ReconcilerLock::take(&self.config.database, TURN_LIMIT).await?;
        if lock.is_none() {
            tracing::debug!("another process reconciles");
            return Ok(None);
        }
        if let Some(reason) = self.late().await? {
            self.late_turns = self.late_turns.saturating_add(1);
            if self.late_turns == LATE_TURNS_TOLD {
                tracing::warn!(
                    reason,
                    turns = LATE_TURNS_TOLD,
                    "work has been late for so many turns that nothing is reconciled; more workers may help"
                );
            } else {
                tracing::debug!(reason, "work is only late; nothing is reconciled in this turn");
            }
            return Ok(None);
        }
        if std::mem::take(&mut self.late_turns) >= LATE_TURNS_TOLD {
            tracing::info!("work is no longer late");
        }
        Ok(lock)
    }

    /// Why work is late, where it is.
    async fn late(&self) -> Result<Option<&'static str>, StorageError> {
        if !self.broker.is_connected() {
            return Ok(Some("the broker is away"));
        }
        let patience = self.config.every.min(self.config.stuck_after);
        if jobs_held_up(&self.database, patience).await? {
            return Ok(Some("jobs wait in the outbox"));
        }
        Ok(match self.broker.queue_depth(Work::Jobs).await {
            Err(_) => Some("the broker does not tell how many jobs wait"),
            Ok(waiting) if waiting > JOBS_WAITING_MAX => Some("many jobs wait for a worker"),
            Ok(_) => None,
        })
    }
}
