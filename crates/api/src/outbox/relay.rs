//! Publishes what transactions have left in the outbox. Any number of replicas may run one.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use broker::{Broker, Outgoing, Publisher};
use storage_postgres::{
    Database, DatabaseConfig, Drained, OutboxListener, OutboxRow, StorageError, outbox_drain,
};
use tokio_util::sync::CancellationToken;

/// How the relay goes about it.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where notifications come from.
    pub database: DatabaseConfig,
    /// Messages that are published together.
    pub batch_size: u16,
    /// How long a message waits at the most whose notification was missed.
    pub poll_interval: Duration,
}

/// Carries rows of the outbox to the broker until it is stopped.
pub struct Relay {
    database: Database,
    broker: Broker,
    publisher: Publisher,
    config: RelayConfig,
}

impl Relay {
    /// A relay that has not begun.
    pub fn new(database: Database, broker: Broker, config: RelayConfig) -> Self {
        let publisher = broker.publisher();
        Self {
            database,
            broker,
            publisher,
            config,
        }
    }

    /// Runs until `stop`. A batch that is under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut wakeups = Wakeups::new(self.config.database.clone(), self.config.poll_interval);
        let mut troubles = Troubles::default();
        while !stop.is_cancelled() {
            let pause = match self.drain().await {
                Ok(drained) if drained.claimed > drained.published => {
                    troubles.next("the broker did not confirm every message")
                }
                Ok(drained) => {
                    troubles.end();
                    if drained.claimed == usize::from(self.config.batch_size) {
                        continue;
                    }
                    None
                }
                Err(error) => troubles.next(&error.to_string()),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = async { match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => wakeups.next().await,
                } } => {}
            }
        }
    }

    /// Publishes one batch. Rows stay where they are while there is no broker to take them.
    async fn drain(&self) -> Result<Drained, StorageError> {
        if !self.broker.is_connected() {
            return Ok(Drained::default());
        }
        outbox_drain(&self.database, self.config.batch_size, |rows| self.publish(rows)).await
    }

    async fn publish(&self, rows: Vec<OutboxRow>) -> Vec<bool> {
        let batch: Vec<Outgoing> = rows.into_iter().map(outgoing).collect();
        let confirmed = self.publisher.publish_batch(&batch).await;
        batch
            .iter()
            .zip(confirmed)
            .map(|(message, confirmed)| log_publish(message, confirmed))
            .collect()
    }
}

fn outgoing(row: OutboxRow) -> Outgoing {
    Outgoing {
        work: row.work,
        type_name: row.type_name,
        envelope: row.envelope,
        body: row.body,
    }
}

fn log_publish(message: &Outgoing, confirmed: Result<(), broker::PublishError>) -> bool {
    let Outgoing {
        envelope, type_name, ..
    } = message;
    let (message_id, image_id) = (envelope.message_id, envelope.correlation_id);
    let request_id = envelope.request_id.as_deref();
    match confirmed {
        Ok(()) => {
            tracing::debug!(%message_id, %image_id, request_id, type_name, "message published");
            true
        }
        Err(error) => {
            tracing::warn!(%message_id, %image_id, request_id, type_name, %error, "message not published; it stays in the outbox");
            false
        }
    }
}

/// Waits for a notification of the database, or for the interval where there are none.
struct Wakeups {
    database: DatabaseConfig,
    interval: Duration,
    listener: Option<OutboxListener>,
    /// True once it was told that there is no listener.
    is_deaf: bool,
}

impl Wakeups {
    fn new(database: DatabaseConfig, interval: Duration) -> Self {
        Self {
            database,
            interval,
            listener: None,
            is_deaf: false,
        }
    }

    async fn next(&mut self) {
        if self.listener.is_none() {
            // What came before the connection listened is found by the drain that follows at once.
            match OutboxListener::connect(&self.database).await {
                Ok(listener) => {
                    self.listener = Some(listener);
                    self.is_deaf = false;
                    return;
                }
                Err(error) if !self.is_deaf => {
                    tracing::warn!(%error, "notifications of the outbox cannot be had; polling until they can");
                    self.is_deaf = true;
                }
                Err(_) => {}
            }
        }
        let Some(listener) = &mut self.listener else {
            return tokio::time::sleep(self.interval).await;
        };
        match tokio::time::timeout(self.interval, listener.wait()).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "notifications of the outbox are lost; polling until they are back");
                self.listener = None;
                self.is_deaf = true;
                tokio::time::sleep(self.interval).await;
            }
        }
    }
}

/// A row of failures: they are told of when they begin and end, with growing pauses between them.
#[derive(Default)]
struct Troubles {
    backoff: Option<backon::ExponentialBackoff>,
}

impl Troubles {
    fn next(&mut self, reason: &str) -> Option<Duration> {
        let backoff = self.backoff.get_or_insert_with(|| {
            tracing::warn!(reason, "the outbox is held up");
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(5))
                .with_jitter()
                .without_max_times()
                .build()
        });
        Some(backoff.next().unwrap_or(Duration::from_secs(5)))
    }

    fn end(&mut self) {
        if self.backoff.take().is_some() {
            tracing::info!("the outbox is moving again");
        }
    }
}
