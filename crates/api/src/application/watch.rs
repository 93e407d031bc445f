//! Looks after the parts and keeps their states for those who ask.

use std::time::Duration;

use broker::Broker;
use runtime::{
    health::{Health, Part, PartHealth, State},
    metrics::Metrics,
};
use storage_postgres::Database;
use storage_redis::Cache;
use tokio_util::sync::CancellationToken;

/// How often the parts are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks after the parts.
pub(super) struct Watch {
    database: Database,
    cache: Option<Cache>,
    broker: Broker,
    postgresql: PartHealth,
    redis: PartHealth,
    rabbitmq: PartHealth,
    metrics: Metrics,
}

impl Watch {
    /// Registers the parts. Only PostgreSQL is needed: without Redis answers are slower, and without RabbitMQ the
    /// outbox keeps what is to be published.
    pub(super) fn new(
        database: Database,
        cache: Option<Cache>,
        broker: Broker,
        health: &Health,
        metrics: Metrics,
    ) -> Self {
        let register = |name, required| health.register(Part { name, required });
        Self {
            database,
            cache,
            broker,
            postgresql: register("postgresql", true),
            redis: register("redis", false),
            rabbitmq: register("rabbitmq", false),
            metrics,
        }
    }

    /// Runs until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.look().await;
            self.metrics.tidy();
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Looks at every part once. Each look is bounded by the part's own time-outs.
    pub(super) async fn look(&self) {
        let (database, cache) = tokio::join!(self.database.check(), self.look_at_cache());
        note(
            "postgresql",
            &self.postgresql,
            database.map_or_else(|_| down(), |()| State::Up),
        );
        note("redis", &self.redis, cache);
        note(
            "rabbitmq",
            &self.rabbitmq,
            if self.broker.is_connected() {
                State::Up
            } else {
                down()
            },
        );
    }

    async fn look_at_cache(&self) -> State {
        match &self.cache {
            Some(cache) => cache.ping().await.map_or_else(|_| down(), |()| State::Up),
            None => State::Up,
        }
    }
}

/// Callers of the health check may be anybody, so the reason is kept to the logs.
fn down() -> State {
    State::Down("does not answer".to_owned())
}

fn note(part: &str, health: &PartHealth, state: State) {
    if health.set(state.clone()) {
        match state {
            State::Up => tracing::info!(part, "part is up"),
            State::Degraded(reason) | State::Down(reason) => tracing::warn!(part, reason, "part is down"),
        }
    }
}
