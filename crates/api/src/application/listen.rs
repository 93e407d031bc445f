//! The two servers: one for callers, one for operators.

use std::net::SocketAddr;

use actix_web::{HttpServer, dev::Server, web::Data};
use anyhow::Context as _;
use runtime::{Settings, health::Health, metrics::Metrics};

use crate::http::{self, Shared, connections};

/// A server that has its port, and waits to be run.
pub(super) struct Listening {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
}

/// Listens to callers.
pub(super) fn listen(settings: &Settings, shared: Shared) -> anyhow::Result<Listening> {
    let server = &settings.server;
    let rest = server.keep_alive + server.head_timeout;
    let http = HttpServer::new(move || http::application(shared.clone()))
        .on_connect(move |stream, extensions| connections::watch(stream, extensions, rest))
        .workers(server.workers)
        .client_request_timeout(server.head_timeout)
        .keep_alive(server.keep_alive)
        .max_connections(server.max_connections.div_ceil(server.workers))
        .shutdown_timeout(settings.shutdown.grace.as_secs())
        .disable_signals()
        .bind((server.host.as_str(), server.port))
        .with_context(|| taken(settings, "server.port", server.port))?;
    let address = http
        .addrs()
        .first()
        .copied()
        .context("the server has no address")?;
    Ok(Listening {
        server: http.run(),
        address,
    })
}

/// Listens to operators.
pub(super) fn listen_to_operators(
    settings: &Settings,
    health: Data<Health>,
    metrics: Metrics,
) -> anyhow::Result<Listening> {
    let server = &settings.server;
    let metrics = Data::new(metrics);
    let http = HttpServer::new(move || http::admin::application(health.clone(), metrics.clone()))
        .workers(1)
        .client_request_timeout(server.head_timeout)
        .shutdown_timeout(1)
        .disable_signals()
        .bind((server.host.as_str(), server.admin_port))
        .with_context(|| taken(settings, "server.admin_port", server.admin_port))?;
    let address = http
        .addrs()
        .first()
        .copied()
        .context("the server has no address")?;
    Ok(Listening {
        server: http.run(),
        address,
    })
}

fn taken(settings: &Settings, setting: &'static str, port: u16) -> String {
    let (host, source) = (&settings.server.host, settings.source_of(setting));
    format!(
        "cannot listen at {host}:{port} ({setting}: from {source}); end the process that listens there, or set another port"
    )
}
