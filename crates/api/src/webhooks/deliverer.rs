//! Takes what is due and sends it. Any number of replicas may run one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::WebhookEndpointId;
use storage_postgres::{ClaimLimits, Database, DueDelivery, StorageError, webhook_deliveries_claim};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Sender,
    attempt::{ATTEMPTS, DISABLED, OUTCOMES, attempt},
    backlog,
};
use crate::{outbox::Wakeup, troubles::Troubles};

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct DelivererConfig {
    /// How long each attempt waits after the failure before it; after the last the delivery has failed.
    pub retry_delays: Vec<Duration>,
    /// An endpoint that has taken nothing for so long is disabled.
    pub disable_after: Duration,
    /// Deliveries at a time.
    pub concurrency: u16,
    /// Deliveries at a time to one endpoint.
    pub per_endpoint: u16,
    /// After this a delivery that was begun and not ended is begun again, by whichever process comes first. To be longer
    /// than an attempt.
    pub lease: Duration,
}

/// Delivers events until it is stopped.
pub struct Deliverer {
    database: Database,
    sender: Sender,
    config: Arc<DelivererConfig>,
    wakeup: Wakeup,
}

/// What is being sent.
#[derive(Default)]
struct InHand {
    tasks: JoinSet<()>,
    endpoints: HashMap<Id, WebhookEndpointId>,
}

impl InHand {
    fn begin(&mut self, endpoint: WebhookEndpointId, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.endpoints.insert(task.id(), endpoint);
    }

    /// Waits until one has ended, and takes those along that have ended as well; none where nothing is in hand.
    async fn end_some(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        self.forget(ended);
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
        Some(())
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                // It is taken again once its time has passed.
                tracing::error!(%error, "a delivery has panicked");
                error.id()
            }
        };
        self.endpoints.remove(&id);
    }
}

impl Deliverer {
    /// One that has not begun.
    pub fn new(database: Database, sender: Sender, config: DelivererConfig, wakeup: Wakeup) -> Self {
        for outcome in OUTCOMES {
            metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(0);
        }
        metrics::counter!(DISABLED).increment(0);
        Self {
            database,
            sender,
            config: Arc::new(config),
            wakeup,
        }
    }

    /// Runs until `stop`. What is under way is finished.
    pub async fn run(self, stop: CancellationToken) {
        let database = self.database.clone();
        tokio::join!(self.deliver(&stop), backlog::watch(&database, &stop));
    }

    async fn deliver(mut self, stop: &CancellationToken) {
        let mut troubles = Troubles::new("deliveries to webhooks", LONGEST_PAUSE);
        let mut in_hand = InHand::default();
        while !stop.is_cancelled() {
            let pause = match self.claim(&in_hand).await {
                Ok(due) => {
                    troubles.end();
                    for delivery in due {
                        self.begin(&mut in_hand, delivery);
                    }
                    None
                }
                Err(error) => Some(troubles.next(&error.to_string())),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                // Each end frees a place, at least at its endpoint.
                Some(()) = in_hand.end_some(), if pause.is_none() => {}
                () = async { match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.wakeup.next().await,
                } } => {}
            }
        }
        while in_hand.end_some().await.is_some() {}
    }

    async fn claim(&self, in_hand: &InHand) -> Result<Vec<DueDelivery>, StorageError> {
        let taken = u16::try_from(in_hand.endpoints.len()).unwrap_or(u16::MAX);
        let room = self.config.concurrency.saturating_sub(taken);
        if room == 0 {
            return Ok(Vec::new());
        }
        let limits = ClaimLimits {
            room,
            per_endpoint: self.config.per_endpoint,
            in_hand: in_hand.endpoints.values().copied().collect(),
            lease: self.config.lease,
        };
        webhook_deliveries_claim(&self.database, &limits).await
    }

    fn begin(&self, in_hand: &mut InHand, delivery: DueDelivery) {
        let (database, sender) = (self.database.clone(), self.sender.clone());
        let config = Arc::clone(&self.config);
        in_hand.begin(delivery.endpoint_id, async move {
            attempt(&database, &sender, &config, &delivery).await;
        });
    }
}
