//! Hears what the database passes on between processes, through a connection that only listens: wakes whoever publishes
//! from the outbox or delivers to webhooks, has the cache and event streams catch up that missed a change, and has keys
//! read anew that have changed.

use std::time::{Duration, Instant};

use storage_postgres::{DatabaseConfig, Heard, Listener, StorageError};
use storage_redis::Cache;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{access::Keyring, live::Live};

/// After how long a silence, at most, the connection is asked whether it still lives: for so long a revoked key would
/// work on a process whose connection was lost without a word.
const SILENCE: Duration = Duration::from_secs(2);

/// Listens to the notifications of the database.
pub struct Wakeups {
    database: DatabaseConfig,
    /// How long after a loss the connection is made anew.
    pause: Duration,
    /// None where caching is off.
    cache: Option<Cache>,
    /// None where callers are not told apart.
    keyring: Option<Keyring>,
    live: Live,
    outbox: watch::Sender<()>,
    webhooks: watch::Sender<()>,
}

/// What one loop is woken by.
#[derive(Clone, Debug)]
pub struct Wakeup {
    receiver: watch::Receiver<()>,
    interval: Duration,
}

impl Wakeups {
    /// A listener that has not begun. Whoever it wakes looks by itself every `poll_interval`.
    pub fn new(
        database: DatabaseConfig,
        poll_interval: Duration,
        cache: Option<Cache>,
        keyring: Option<Keyring>,
        live: Live,
    ) -> Self {
        Self {
            database,
            pause: poll_interval,
            cache,
            keyring,
            live,
            outbox: watch::Sender::new(()),
            webhooks: watch::Sender::new(()),
        }
    }

    /// For one more loop to wait on that publishes from the outbox.
    pub fn of_outbox(&self) -> Wakeup {
        self.of(&self.outbox)
    }

    /// For one more loop to wait on that delivers to webhooks.
    pub fn of_webhooks(&self) -> Wakeup {
        self.of(&self.webhooks)
    }

    fn of(&self, sender: &watch::Sender<()>) -> Wakeup {
        Wakeup {
            receiver: sender.subscribe(),
            interval: self.pause,
        }
    }

    /// Listens until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.listen()).await;
    }

    async fn listen(&self) {
        let mut is_deaf = false;
        loop {
            let begun = Instant::now();
            let error = match Listener::connect(&self.database).await {
                Ok(listener) => {
                    if is_deaf {
                        tracing::info!("notifications of the outbox are back");
                        is_deaf = false;
                    }
                    let error = self.pass_on(listener).await;
                    if let Some(keyring) = &self.keyring {
                        keyring.hears_nothing();
                    }
                    error
                }
                Err(error) => error,
            };
            if !is_deaf {
                tracing::warn!(%error, "notifications of the outbox cannot be had; polling until they can");
                is_deaf = true;
            }
            // What listened for a while is made anew at once: until then nothing is heard.
            tokio::time::sleep(self.pause.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Passes notifications on until there are none to be had.
    async fn pass_on(&self, mut listener: Listener) -> StorageError {
        // What was said before the connection listened is not heard, hence once at the beginning.
        let mut heard = Heard {
            outbox: true,
            webhooks: true,
            cache_doubt: true,
            api_keys: true,
        };
        loop {
            if heard.outbox {
                self.outbox.send_replace(());
            }
            if heard.webhooks {
                self.webhooks.send_replace(());
            }
            if heard.cache_doubt {
                self.live.doubt();
                if let Some(cache) = &self.cache {
                    cache.doubt();
                }
            }
            if heard.api_keys
                && let Some(keyring) = &self.keyring
            {
                keyring.forget();
            }
            heard = match self.hear(&mut listener).await {
                Ok(heard) => heard,
                Err(error) => return error,
            };
        }
    }

    /// What is heard next. After a silence the connection is asked whether it still lives.
    async fn hear(&self, listener: &mut Listener) -> Result<Heard, StorageError> {
        loop {
            match tokio::time::timeout(self.pause.min(SILENCE), listener.wait()).await {
                Ok(heard) => return heard,
                Err(_) => listener.check().await?,
            }
        }
    }
}

impl Wakeup {
    /// Waits for a notification that came since the last time, or for the interval where there is none.
    pub async fn next(&mut self) {
        let interval = tokio::time::sleep(self.interval);
        tokio::select! {
            () = interval => {}
            Ok(()) = self.receiver.changed() => {}
        }
    }
}
