//! `server`: where the api listens.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::cors::Cors;
use super::images::network;
use super::section::Section;
use super::{address, parse, process};

/// Where the api listens.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address to listen on.
    pub host: String,
    /// The port for callers; 0 takes any free one.
    pub port: u16,
    /// The port for operators: health and metrics; 0 takes any free one.
    pub admin_port: u16,
    /// For one request, from its head to its answer.
    pub request_timeout: Duration,
    /// For the head of a connection's first request.
    pub head_timeout: Duration,
    /// For a JSON body, once its head has come.
    pub body_timeout: Duration,
    /// How long a connection may rest between two requests.
    pub keep_alive: Duration,
    /// Of a JSON body.
    pub max_body_bytes: usize,
    /// Of path and query.
    pub max_uri_bytes: usize,
    /// Of a whole head.
    pub max_head_bytes: usize,
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Of a batch of products.
    pub max_batch_bytes: usize,
    /// Threads that serve HTTP; the 0 of the settings is already one per core here.
    pub workers: usize,
    /// Requests at a time; more are refused.
    pub max_in_flight: usize,
    /// Event streams at a time; more are refused.
    pub max_streams: usize,
    /// The longest silence of an event stream.
    pub stream_heartbeat: Duration,
    /// The networks of the proxies that are believed when they name a client.
    pub trusted_proxies: Vec<IpNet>,
    /// How they do so.
    pub forwarded_header: ForwardedHeader,
    /// Which web pages may call from a browser.
    pub cors: Cors,
}

/// How a proxy names the client that it speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

const FORWARDED_HEADERS: [(&str, ForwardedHeader); 2] = [
    ("x-forwarded-for", ForwardedHeader::XForwardedFor),
    ("forwarded", ForwardedHeader::Forwarded),
];

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (tenth, minute) = (Duration::from_millis(100), Duration::from_secs(60));
        let mut size = |key, most| usize::try_from(section.bytes(key, 1 << 10..=most)).unwrap_or(usize::MAX);
        let max_body_bytes = size("max_body_bytes", 64 << 20);
        let max_batch_bytes = size("max_batch_bytes", 64 << 20);
        let max_uri_bytes = size("max_uri_bytes", 60 << 10);
        let max_head_bytes = size("max_head_bytes", 120 << 10);
        Self {
            host: section.parsed("host", parse::host),
            port: section.number("port", "a port", 0..=65535),
            admin_port: section.number("admin_port", "a port", 0..=65535),
            request_timeout: section.duration("request_timeout", tenth..=10 * minute),
            head_timeout: section.duration("head_timeout", tenth..=5 * minute),
            body_timeout: section.duration("body_timeout", tenth..=10 * minute),
            keep_alive: section.duration("keep_alive", tenth..=10 * minute),
            max_body_bytes,
            max_batch_bytes,
            max_uri_bytes,
            max_head_bytes,
            max_connections: section.number("max_connections", "a number of connections", 1..=1_000_000),
            workers: process::or_cores(section.number("workers", "a number of threads", 0..=512)),
            max_in_flight: section.number("max_in_flight", "a number of requests", 1..=100_000),
            max_streams: section.number("max_streams", "a number of streams", 1..=100_000),
            stream_heartbeat: section.duration("stream_heartbeat", Duration::from_secs(1)..=5 * minute),
            trusted_proxies: section.list("trusted_proxies", 0..=64, network),
            forwarded_header: section
                .parsed("forwarded_header", |text| parse::choice(text, &FORWARDED_HEADERS)),
            cors: Cors::read(section.section("cors")),
        }
    }

    /// `host:port` for callers.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }

    /// `host:port` for operators.
    #[must_use]
    pub fn admin_address(&self) -> String {
        address(&self.host, self.admin_port)
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(is_loopback)
    }
}
