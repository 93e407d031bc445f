//! Puts the parts together, runs them, and stops them in their order.

mod housekeeping;
mod listen;
pub(crate) mod open;
pub mod parts;
mod running;
mod watch;

use std::{net::SocketAddr, time::Duration};

use actix_web::{dev::ServerHandle, web};
use anyhow::Context as _;
use broker::Broker;
use domain::Currency;
use futures_util::FutureExt as _;
use runtime::{
    Settings, Shutdown,
    health::Health,
    metrics,
    settings::{AuthMode, ForwardedHeader},
};
use storage_postgres::{Database, OutboxPart};
use storage_redis::{LiveChannel, RateLimiter};
use storage_s3::PublicUrls;
use tokio_util::sync::CancellationToken;

use self::{listen::Listening, running::Running, watch::Watch};
use crate::{
    access::{Access, Limits, Tokens},
    http::{
        BatchLimits, Shared,
        client_address::TrustedProxies,
        cors::Cors,
        edge::RequestTimeout,
        head::HeadLimits,
        in_flight::InFlight,
        json::{BodyLimit, BodyTimeout},
    },
    live::{Hearing, Live, LiveConfig},
    outbox::{Invalidator, Relay, Wakeups},
    products::{Catalogue, read::Reads},
    reconciler::{Reconciler, ReconcilerConfig},
    results::ResultsHandler,
    uploads::Uploads,
    webhooks::Deliverer,
};

/// How many results are applied at once.
const RESULTS_PREFETCH: u16 = 16;

/// The api with everything it needs, ready to run.
pub struct Application {
    callers: Listening,
    operators: Listening,
    wakeups: Wakeups,
    relay: Relay,
    backfill_relay: Relay,
    invalidator: Invalidator,
    hearing: Hearing,
    reconciler: Reconciler,
    deliverer: Deliverer,
    tokens: Option<Tokens>,
    log_retention: Duration,
    results: ResultsHandler,
    broker: Broker,
    broker_stop: CancellationToken,
    watch: Watch,
    database: Database,
    in_flight: web::Data<InFlight>,
    shutdown: Shutdown,
}

impl Application {
    /// Connects to what is needed and listens. Without PostgreSQL, or with an old schema, there is nothing to serve;
    /// Redis and RabbitMQ may come later, and are told of in the log.
    ///
    /// # Errors
    /// What kept it from starting, in words for the person who started it.
    pub async fn build(settings: &Settings, shutdown: Shutdown) -> anyhow::Result<Self> {
        let database = open::open_database(settings).await?;
        let cache = open::open_cache(settings).await?;
        let (broker, broker_stop) = open::open_broker(settings).await;
        let metrics = metrics::install().map_err(anyhow::Error::msg)?;
        let health = Health::default();
        let watch = Watch::new(
            database.clone(),
            cache.clone(),
            broker.clone(),
            &health,
            metrics.clone(),
        );
        watch.look().await;
        let catalogue = Catalogue {
            database: database.clone(),
            cache,
            reads: Reads::default(),
            live: LiveChannel::new(&parts::cache_config(settings))?,
            urls: PublicUrls::new(&parts::s3_config(settings)),
            currency: currency(settings)?,
        };
        let health = web::Data::new(health);
        let in_flight = web::Data::new(InFlight::new(settings.server.max_in_flight));
        let access = match settings.auth.mode {
            AuthMode::Keys => {
                let tokens = Tokens::open(&settings.auth.jwt, database.clone()).await?;
                Access::by_keys(database.clone(), tokens)
            }
            _ => Access::Open,
        };
        let (keyring, tokens) = (access.keyring().cloned(), access.tokens().cloned());
        let channel = catalogue.live.clone();
        let (live, hearing) = Live::new(database.clone(), channel, access.clone(), live_config(settings));
        let shared = Shared {
            access: web::Data::new(access),
            limits: web::Data::new(limits(settings)?),
            catalogue: web::Data::new(catalogue.clone()),
            live: web::Data::new(live.clone()),
            health: health.clone(),
            timeout: RequestTimeout(settings.server.request_timeout),
            body_limit: BodyLimit(settings.server.max_body_bytes),
            body_timeout: BodyTimeout(settings.server.body_timeout),
            head_limits: HeadLimits {
                uri: settings.server.max_uri_bytes,
                head: settings.server.max_head_bytes,
            },
            cors: web::Data::new(cors(settings)),
            proxies: web::Data::new(proxies(settings)),
            batch_limits: BatchLimits {
                bytes: settings.server.max_batch_bytes,
                places: parts::places(&settings.auth, parts::batches_at_a_time(&settings.database)),
            },
            in_flight: in_flight.clone(),
            uploads: web::Data::new(Uploads::new(
                parts::upload_limits(&settings.images),
                parts::places(&settings.auth, settings.images.max_uploads),
                parts::s3_config(settings),
            )),
        };
        let outbox = &settings.outbox;
        let batch_size = u16::try_from(outbox.batch_size).unwrap_or(u16::MAX);
        let cache = catalogue.cache.clone();
        let address = parts::database_config(settings);
        let wakeups = Wakeups::new(address, outbox.poll_interval, cache.clone(), keyring, live);
        let relay = |part| {
            let (database, broker) = (database.clone(), broker.clone());
            Relay::new(database, broker, part, batch_size, wakeups.of_outbox())
        };
        let webhooks = &settings.webhooks;
        let deliverer = Deliverer::new(
            database.clone(),
            open::open_sender(webhooks)?,
            parts::deliverer_config(webhooks),
            wakeups.of_webhooks(),
        );
        Ok(Self {
            callers: listen::listen(settings, shared)?,
            operators: listen::listen_to_operators(settings, health, metrics)?,
            relay: relay(OutboxPart::Ordinary),
            backfill_relay: relay(OutboxPart::Backfill),
            invalidator: Invalidator::new(database.clone(), cache, catalogue.live.clone()),
            hearing,
            reconciler: Reconciler::new(catalogue.clone(), broker.clone(), reconciler_config(settings)),
            deliverer,
            tokens,
            log_retention: webhooks.log_retention,
            wakeups,
            results: ResultsHandler::new(catalogue, shutdown.token()),
            broker,
            broker_stop,
            watch,
            database,
            in_flight,
            shutdown,
        })
    }

    /// Where callers find the server; with `server.port` 0 the system has chosen.
    pub fn address(&self) -> SocketAddr {
        self.callers.address
    }

    /// Where operators find it; with `server.admin_port` 0 the system has chosen.
    pub fn admin_address(&self) -> SocketAddr {
        self.operators.address
    }

    /// Serves until the process is told to stop, then lets every part finish within the time of grace. Operators can
    /// look on until the end.
    ///
    /// # Errors
    /// A part ended by itself.
    pub async fn run_until_stopped(self) -> anyhow::Result<()> {
        let Self {
            callers,
            operators,
            wakeups,
            relay,
            backfill_relay,
            invalidator,
            hearing,
            reconciler,
            deliverer,
            tokens,
            log_retention,
            results,
            broker,
            broker_stop,
            watch,
            database,
            in_flight,
            shutdown,
        } = self;
        tracing::info!(address = %callers.address, admin_address = %operators.address, "listening");
        let handles = [callers.server.handle(), operators.server.handle()];
        let stop = shutdown.token();
        let mut running = Running::default();
        running.spawn("callers", async { Ok(callers.server.await?) });
        running.spawn("wakeups", wakeups.run(stop.clone()).map(Ok));
        running.spawn("relay", relay.run(stop.clone()).map(Ok));
        running.spawn("backfill relay", backfill_relay.run(stop.clone()).map(Ok));
        running.spawn("invalidator", invalidator.run(stop.clone()).map(Ok));
        running.spawn("live events", hearing.run(stop.clone()).map(Ok));
        running.spawn("reconciler", reconciler.run(stop.clone()).map(Ok));
        running.spawn("webhooks", deliverer.run(stop.clone()).map(Ok));
        if let Some(tokens) = tokens {
            running.spawn("issuer's keys", tokens.run(stop.clone()).map(Ok));
        }
        let consuming = stop.clone();
        running.spawn("results", async move {
            broker.consume(results, RESULTS_PREFETCH, consuming).await;
            Ok(())
        });
        let (watching, keeping) = (stop.clone(), stop.clone());
        running.spawn("watch", async move {
            watching.run_until_cancelled(watch.run(watching.clone())).await;
            Ok(())
        });
        running.spawn("housekeeping", async move {
            keeping
                .run_until_cancelled(housekeeping::run(database, log_retention, keeping.clone()))
                .await;
            Ok(())
        });
        let looking_on = tokio::spawn(operators.server);

        // Told to stop, the parts end as well, and may be noticed first: that is no fault of theirs.
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            Some((name, ended)) = running.next() => fell(name, ended),
            _ = looking_on => fell("the server for operators", Ok(())),
        };
        shutdown.begin();
        tracing::info!("stopping");
        finish(&shutdown, &handles[0], running, &in_flight).await;
        broker_stop.cancel();
        handles[1].stop(false).await;
        tracing::info!("stopped");
        outcome
    }
}

/// A part that ends while nobody has told it to leaves the rest without it; better to end and be started again.
fn fell(name: &str, ended: anyhow::Result<()>) -> anyhow::Result<()> {
    ended.with_context(|| format!("a part of the api, {name}, has failed"))?;
    anyhow::bail!("a part of the api, {name}, ended by itself")
}

async fn finish(shutdown: &Shutdown, callers: &ServerHandle, mut running: Running, in_flight: &InFlight) {
    let all = async {
        callers.stop(true).await;
        while running.next().await.is_some() {}
    };
    if shutdown.within_grace(all).await.is_none() {
        tracing::warn!(
            parts = ?running.names(),
            requests = in_flight.count(),
            "not finished within shutdown.grace; these are cut off, and what was not committed is done again"
        );
    }
}

fn live_config(settings: &Settings) -> LiveConfig {
    LiveConfig {
        max_streams: settings.server.max_streams,
        heartbeat: settings.server.stream_heartbeat,
    }
}

fn reconciler_config(settings: &Settings) -> ReconcilerConfig {
    let images = &settings.images;
    ReconcilerConfig {
        database: parts::database_config(settings),
        s3: parts::s3_config(settings),
        every: images.reconcile_every,
        stuck_after: images.stuck_after,
        orphan_age: images.orphan_age,
    }
}

fn limits(settings: &Settings) -> anyhow::Result<Option<Limits>> {
    let limits = &settings.limits;
    if limits.rate == 0 {
        return Ok(None);
    }
    let shared = RateLimiter::new(&parts::cache_config(settings))?;
    Ok(Some(Limits::new(limits.rate, limits.burst, shared)))
}

fn cors(settings: &Settings) -> Option<Cors> {
    let cors = &settings.server.cors;
    Cors::new(&cors.allowed_origins, cors.max_age)
}

fn proxies(settings: &Settings) -> TrustedProxies {
    let networks = settings.server.trusted_proxies.clone();
    match settings.server.forwarded_header {
        ForwardedHeader::XForwardedFor => TrustedProxies::by_x_forwarded_for(networks),
        ForwardedHeader::Forwarded => TrustedProxies::by_forwarded(networks),
    }
}

fn currency(settings: &Settings) -> anyhow::Result<Currency> {
    let code = &settings.catalogue.currency;
    Currency::parse(code).map_err(|rejection| {
        let source = settings.source_of("catalogue.currency");
        anyhow::anyhow!("catalogue.currency: {code:?} (from {source}) {rejection}")
    })
}
