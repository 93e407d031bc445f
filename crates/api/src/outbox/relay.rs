//! Publishes what transactions have left in the outbox. Any number of replicas may run one.

use std::time::Duration;

use broker::{Broker, Outgoing, PublishError, Publisher};
use storage_postgres::{Database, Drained, OutboxPart, OutboxRow, StorageError, outbox_drain};
use tokio_util::sync::CancellationToken;

use super::wakeups::Wakeup;
use crate::troubles::Troubles;

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Carries messages of the outbox to the broker until it is stopped.
pub struct Relay {
    database: Database,
    broker: Broker,
    publisher: Publisher,
    part: OutboxPart,
    /// Messages that are published together.
    batch_size: u16,
    wakeup: Wakeup,
}

impl Relay {
    /// A relay of one part of the outbox that has not begun, and publishes up to `batch_size` messages together. Each
    /// part has one of its own, so that a queue in trouble holds up no other.
    pub fn new(
        database: Database,
        broker: Broker,
        part: OutboxPart,
        batch_size: u16,
        wakeup: Wakeup,
    ) -> Self {
        let publisher = match part {
            OutboxPart::Ordinary => broker.publisher(),
            OutboxPart::Backfill => broker.backfill_publisher(),
        };
        Self {
            database,
            broker,
            publisher,
            part,
            batch_size,
            wakeup,
        }
    }

    /// Runs until `stop`. A batch that is under way is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let what = match self.part {
            OutboxPart::Ordinary => "messages to the broker",
            OutboxPart::Backfill => "messages of the backfill to the broker",
        };
        let mut troubles = Troubles::new(what, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            let pause = match self.drain().await {
                // Told by the broker's own events; it neither begins trouble here nor ends any.
                Ok(None) => None,
                Ok(Some((_, Some(error)))) => Some(troubles.next(&error.to_string())),
                Ok(Some((drained, None))) => {
                    troubles.end();
                    if drained.claimed == usize::from(self.batch_size) {
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
                    None => self.wakeup.next().await,
                } } => {}
            }
        }
    }

    /// Publishes one batch. Rows stay where they are, and the answer is none, while there is no broker to take them.
    /// The first of the errors that kept rows in place is told as well.
    async fn drain(&self) -> Result<Option<(Drained, Option<PublishError>)>, StorageError> {
        if !self.broker.is_connected() {
            return Ok(None);
        }
        let mut first = None;
        let publish = async |rows: Vec<OutboxRow>| {
            let batch: Vec<Outgoing> = rows.into_iter().map(outgoing).collect();
            let confirmed = self.publisher.publish_batch(&batch).await;
            for (message, confirmed) in batch.iter().zip(&confirmed) {
                log_publish(message, confirmed.as_ref());
            }
            let published = confirmed.iter().map(Result::is_ok).collect();
            first = confirmed.into_iter().find_map(Result::err);
            published
        };
        let drained = outbox_drain(&self.database, self.part, self.batch_size, publish).await?;
        Ok(Some((drained, first)))
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

fn log_publish(message: &Outgoing, confirmed: Result<&(), &PublishError>) {
    let Outgoing {
        envelope, type_name, ..
    } = message;
    let (message_id, image_id) = (envelope.message_id, envelope.correlation_id);
    let request_id = envelope.request_id.as_deref();
    match confirmed {
        Ok(()) => tracing::debug!(%message_id, %image_id, request_id, type_name, "message published"),
        // A warning of the whole row of failures tells of the first.
        Err(error) => {
            tracing::debug!(%message_id, %image_id, request_id, type_name, %error, "message not published; it stays in the outbox");
        }
    }
}
