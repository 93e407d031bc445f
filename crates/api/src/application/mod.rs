//! Puts the parts together, runs them, and stops them in their order.

pub mod parts;
mod watch;

use std::{net::SocketAddr, time::Duration};

use actix_web::{HttpServer, dev::Server, web};
use anyhow::Context as _;
use broker::Broker;
use domain::Currency;
use runtime::{Settings, Shutdown, health::Health};
use storage_postgres::{Database, migrations};
use storage_redis::Cache;
use storage_s3::PublicUrls;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    http::{self, Shared, edge::RequestTimeout, json::BodyLimit},
    outbox::{Relay, RelayConfig},
    products::Catalogue,
    results::ResultsHandler,
};

/// How many results are applied at once.
const RESULTS_PREFETCH: u16 = 16;
/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The api with everything it needs, ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    relay: Relay,
    results: ResultsHandler,
    broker: Broker,
    broker_stop: CancellationToken,
    watch: watch::Watch,
    shutdown: Shutdown,
}

impl Application {
    /// Connects to what is needed and listens. Without PostgreSQL, or with an old schema, there is nothing to serve;
    /// Redis and RabbitMQ may come later, and are told of in the log.
    ///
    /// # Errors
    /// What kept it from starting, in words for the person who started it.
    pub async fn build(settings: &Settings, shutdown: Shutdown) -> anyhow::Result<Self> {
        let database = open_database(settings).await?;
        let cache = open_cache(settings).await?;
        let (broker, broker_stop) = open_broker(settings).await;
        let currency = Currency::parse(&settings.catalogue.currency).context("catalogue.currency")?;
        let urls = PublicUrls::new(&parts::s3_config(settings));
        let catalogue = Catalogue {
            database: database.clone(),
            cache: cache.clone(),
            urls,
            currency,
        };
        let health = Health::default();
        let watch = watch::Watch::new(database.clone(), cache, broker.clone(), &health);
        watch.look().await;
        let shared = Shared {
            catalogue: web::Data::new(catalogue.clone()),
            health: web::Data::new(health),
            timeout: RequestTimeout(settings.server.request_timeout),
            body_limit: BodyLimit(settings.server.max_body_bytes),
        };
        let (server, address) = listen(settings, shared)?;
        let config = RelayConfig {
            database: parts::database_config(settings),
            batch_size: u16::try_from(settings.outbox.batch_size).unwrap_or(u16::MAX),
            poll_interval: settings.outbox.poll_interval,
        };
        let relay = Relay::new(database, broker.clone(), config);
        let results = ResultsHandler::new(catalogue, shutdown.token());
        Ok(Self {
            server,
            address,
            relay,
            results,
            broker,
            broker_stop,
            watch,
            shutdown,
        })
    }

    /// Where the server listens; with `server.port` 0 the system has chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process is told to stop, then ends in order: first the callers, then the queues, each within
    /// what is left of the time of grace.
    ///
    /// # Errors
    /// The server ended by itself.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        let Self {
            server,
            address,
            relay,
            results,
            broker,
            broker_stop,
            watch,
            shutdown,
        } = self;
        let stop = shutdown.token();
        let handle = server.handle();
        let mut serving = tokio::spawn(server);
        let relaying = tokio::spawn(relay.run(stop.clone()));
        let consuming = {
            let (broker, stop) = (broker.clone(), stop.clone());
            tokio::spawn(async move { broker.consume(results, RESULTS_PREFETCH, stop).await })
        };
        let watching = tokio::spawn(watch.run(stop.clone()));
        tracing::info!(%address, "listening");

        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ended = &mut serving => Some(ended),
        };
        if let Some(ended) = ended {
            shutdown.begin();
            ended.context("the server's task")?.context("the server")?;
        }
        tracing::info!("stopping");
        let _ = tokio::join!(
            finish("requests", &shutdown, tokio::spawn(handle.stop(true))),
            finish("outbox relay", &shutdown, relaying),
            finish("results consumer", &shutdown, consuming),
            finish("health watch", &shutdown, watching),
        );
        broker_stop.cancel();
        tracing::info!("stopped");
        Ok(())
    }
}

async fn finish(part: &str, shutdown: &Shutdown, task: JoinHandle<()>) {
    if shutdown.within_grace(task).await.is_none() {
        tracing::warn!(
            part,
            "not finished within shutdown.grace; what it did not finish is done again after the next start"
        );
    }
}

async fn open_database(settings: &Settings) -> anyhow::Result<Database> {
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

async fn open_cache(settings: &Settings) -> anyhow::Result<Option<Cache>> {
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

async fn open_broker(settings: &Settings) -> (Broker, CancellationToken) {
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

fn listen(settings: &Settings, shared: Shared) -> anyhow::Result<(Server, SocketAddr)> {
    let server = &settings.server;
    let http = HttpServer::new(move || http::application(shared.clone()))
        .workers(server.workers)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(settings.shutdown.grace.as_secs())
        .disable_signals()
        .bind((server.host.as_str(), server.port))
        .with_context(|| {
            let source = settings.source_of("server.port");
            format!(
                "cannot listen at {}:{} (server.host, server.port: from {source}); is another process there?",
                server.host, server.port
            )
        })?;
    let address = http
        .addrs()
        .first()
        .copied()
        .context("the server has no address")?;
    Ok((http.run(), address))
}
