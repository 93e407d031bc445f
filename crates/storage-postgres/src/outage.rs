//! Notices that the server is away, and that it is back.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use resilience::{Breaker, BreakerConfig, Permit, State};
use tokio::{sync::Notify, time::sleep};

use crate::{
    config::{DatabaseConfig, Purpose},
    error::StorageError,
    lease::bounded,
};

/// How long calls are refused at once before one of them may try again.
const OPEN_FOR: Duration = Duration::from_millis(500);
/// How often, besides, a connection is made to see whether the server is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long that may take.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// How long after the server is back a call from before is waited for.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// Whether the server is away.
pub(crate) struct Outage {
    pub(crate) breaker: Breaker,
    address: String,
    /// True while somebody looks out for the server's return.
    looking: AtomicBool,
    back: Notify,
    /// When the server was last seen to be away, if ever.
    away_at: Mutex<Option<Instant>>,
}

impl Outage {
    pub(crate) fn new(config: &DatabaseConfig) -> Self {
        let breaker = BreakerConfig {
            judged_calls: 10,
            open_for: OPEN_FOR,
            slow_after: config.statement_timeout.max(config.connect_timeout),
            ..BreakerConfig::default()
        };
        Self {
            breaker: Breaker::new("postgresql", breaker),
            address: config.connection_string(Purpose::Service),
            looking: AtomicBool::new(false),
            back: Notify::new(),
            away_at: Mutex::new(None),
        }
    }

    /// Leave for a call.
    pub(crate) fn admit(&self) -> Result<Permit, StorageError> {
        self.breaker
            .admit()
            .map_err(|open| StorageError::Unavailable(open.into()))
    }

    /// Returns when a call that begins now and is still waiting waits in vain: the server was away meanwhile, is back,
    /// and answers others. A call that began after its return is left alone, however long it takes.
    pub(crate) async fn outlived(&self) {
        let begun = Instant::now();
        loop {
            self.back.notified().await;
            if self.last_away().is_some_and(|away| begun < away) {
                break;
            }
        }
        sleep(LAST_PATIENCE).await;
    }

    fn last_away(&self) -> Option<Instant> {
        *self.away_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_away(&self) {
        *self.away_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Looks out for the server's return while the breaker is not closed, so that no call has to. Callers' calls may
    /// hang for as long as they are allowed to, and there may be none.
    pub(crate) fn look_out(self: &Arc<Self>) {
        if self.breaker.state() == State::Closed || self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        self.is_away();
        let outage = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(LOOK_EVERY).await;
                let Some(outage) = outage.upgrade() else {
                    return;
                };
                let answer = outage.breaker.look(|_| true, look(&outage.address)).await;
                if let Err(error) = answer {
                    outage.is_away();
                    tracing::debug!(%error, "PostgreSQL is still away");
                }
                if outage.breaker.state() != State::Closed {
                    continue;
                }
                outage.back.notify_waiters();
                outage.looking.store(false, Ordering::Release);
                // It may have opened again before that was said.
                outage.look_out();
                return;
            }
        });
    }
}

/// Asks for a sign of life on a connection of its own, since those of the pool may be dead or taken.
async fn look(address: &str) -> Result<(), StorageError> {
    bounded(LOOK_LIMIT, async {
        let mut connection = AsyncPgConnection::establish(address)
            .await
            .map_err(|error| StorageError::Unavailable(error.into()))?;
        Ok(connection.batch_execute("SELECT 1").await?)
    })
    .await
}
