//! `server`: where the api listens.

use std::net::IpAddr;
use std::time::Duration;

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
    /// For one request.
    pub request_timeout: Duration,
    /// Of a JSON body.
    pub max_body_bytes: usize,
    /// Threads that serve HTTP; the 0 of the settings is already one per core here.
    pub workers: usize,
    /// Requests at a time; more are refused.
    pub max_in_flight: usize,
    /// Event streams at a time; more are refused.
    pub max_streams: usize,
    /// The longest silence of an event stream.
    pub stream_heartbeat: Duration,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let body = section.bytes("max_body_bytes", 1 << 10..=64 << 20);
        Self {
            host: section.parsed("host", parse::host),
            port: section.number("port", "a port", 0..=65535),
            admin_port: section.number("admin_port", "a port", 0..=65535),
            request_timeout: section.duration(
                "request_timeout",
                Duration::from_millis(100)..=Duration::from_secs(600),
            ),
            max_body_bytes: usize::try_from(body).unwrap_or(usize::MAX),
            workers: process::or_cores(section.number("workers", "a number of threads", 0..=512)),
            max_in_flight: section.number("max_in_flight", "a number of requests", 1..=100_000),
            max_streams: section.number("max_streams", "a number of streams", 1..=100_000),
            stream_heartbeat: section.duration(
                "stream_heartbeat",
                Duration::from_secs(1)..=Duration::from_secs(300),
            ),
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
