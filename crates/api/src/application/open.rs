//! Opens the parts at the start, or says why one cannot be opened.

use anyhow::Context as _;
use broker::Broker;
use outbound::{AddressGuard, HopGuard};
use runtime::{Settings, settings::Webhooks};
use storage_postgres::{Database, migrations};
use storage_redis::Cache;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::parts;
use crate::webhooks::Sender;

/// The database, which must be there and have the schema of this version.
pub(crate) async fn open_database(settings: &Settings) -> anyhow::Result<Database> {
    let config = parts::database_config(settings);
    let database = Database::new(&config)?;
    let unreachable = |error| parts::database_unreachable(settings, &error);
    database.check().await.map_err(unreachable)?;
    let missing = migrations::pending(&config).await.map_err(unreachable)?;
    if !missing.is_empty() {
        anyhow::bail!(
            "the database lacks {} migration(s), the first being {}; run `api migrate`",
            missing.len(),
            missing[0]
        );
    }
    Ok(database)
}

/// The cache, which may come later; none where the settings switch it off.
pub(super) async fn open_cache(settings: &Settings) -> anyhow::Result<Option<Cache>> {
    if !settings.cache.enabled {
        return Ok(None);
    }
    let cache = Cache::new(parts::cache_config(settings))?;
    if let Err(error) = cache.ping().await {
        let error = parts::redis_unreachable(settings, &error);
        tracing::error!(%error, "starting without the cache; it is used as soon as it answers");
    }
    Ok(Some(cache))
}

/// The broker, which may come later, and what ends its connections.
pub(super) async fn open_broker(settings: &Settings) -> (Broker, CancellationToken) {
    let config = parts::broker_config(settings);
    let checked = Broker::check(&config).await;
    let stop = CancellationToken::new();
    let broker = Broker::start(config, stop.clone());
    match checked {
        // So that the first look at the parts does not find it missing.
        Ok(()) => drop(timeout(settings.rabbitmq.connect_timeout, broker.connected()).await),
        Err(error) => {
            let error = parts::rabbitmq_unreachable(settings, &error);
            tracing::error!(%error, "starting without the broker; the outbox keeps its messages until it answers");
        }
    }
    (broker, stop)
}

/// What sends to webhooks.
pub(super) fn open_sender(webhooks: &Webhooks) -> anyhow::Result<Sender> {
    let addresses = AddressGuard::new(webhooks.allowed_networks.clone());
    let guard = HopGuard::new(addresses, webhooks.allowed_ports.clone());
    Sender::new(guard, webhooks.request_timeout)
        .context("cannot build the HTTP client; is there a bundle of root certificates (ca-certificates)?")
}
