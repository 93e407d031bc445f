//! Wakes whoever publishes from the outbox, through a connection to the database that only listens.

use std::time::Duration;

use storage_postgres::{DatabaseConfig, OutboxListener, StorageError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Listens to the notifications of the database.
pub struct Wakeups {
    database: DatabaseConfig,
    /// How long after a loss the connection is made anew.
    pause: Duration,
    sender: watch::Sender<()>,
}

/// What one loop is woken by.
#[derive(Clone, Debug)]
pub struct Wakeup {
    receiver: watch::Receiver<()>,
    interval: Duration,
}

impl Wakeups {
    /// A listener that has not begun. Whoever it wakes looks by itself every `poll_interval`.
    pub fn new(database: DatabaseConfig, poll_interval: Duration) -> Self {
        Self {
            database,
            pause: poll_interval,
            sender: watch::Sender::new(()),
        }
    }

    /// For one more loop to wait on.
    pub fn subscribe(&self) -> Wakeup {
        Wakeup {
            receiver: self.sender.subscribe(),
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
            let error = match OutboxListener::connect(&self.database).await {
                Ok(listener) => {
                    if is_deaf {
                        tracing::info!("notifications of the outbox are back");
                        is_deaf = false;
                    }
                    self.pass_on(listener).await
                }
                Err(error) => error,
            };
            if !is_deaf {
                tracing::warn!(%error, "notifications of the outbox cannot be had; polling until they can");
                is_deaf = true;
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    /// Passes notifications on until there are none to be had.
    async fn pass_on(&self, mut listener: OutboxListener) -> StorageError {
        loop {
            // What was written before the connection listened wakes nobody, hence once at the beginning.
            self.sender.send_replace(());
            if let Err(error) = listener.wait().await {
                return error;
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
