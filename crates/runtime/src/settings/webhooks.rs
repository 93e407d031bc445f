//! `webhooks`: how events are delivered.

use std::time::Duration;

use ipnet::IpNet;

use super::images::network;
use super::parse;
use super::section::Section;

/// How events are delivered.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Networks that are not public and that endpoints may lie in all the same.
    pub allowed_networks: Vec<IpNet>,
    /// Ports that deliveries are sent to; none where every one is open.
    pub allowed_ports: Vec<u16>,
    /// For a whole attempt, from looking up the name to the end of the answer.
    pub request_timeout: Duration,
    /// How long each attempt waits after the failure before it; after the last the delivery has failed.
    pub retry_delays: Vec<Duration>,
    /// An endpoint that has taken nothing for so long is disabled.
    pub disable_after: Duration,
    /// How long ended deliveries stay in the log.
    pub log_retention: Duration,
    /// Deliveries at a time in one process.
    pub concurrency: u16,
    /// Deliveries at a time of one process to one endpoint.
    pub per_endpoint: u16,
}

impl Webhooks {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (tenth, second, day) = (
            Duration::from_millis(100),
            Duration::from_secs(1),
            Duration::from_hours(24),
        );
        let delay = tenth..=2 * day;
        Self {
            allowed_networks: section.list("allowed_networks", 0..=64, network),
            allowed_ports: section.list("allowed_ports", 0..=64, parse::port),
            request_timeout: section.duration("request_timeout", tenth..=60 * second),
            retry_delays: section.list("retry_delays", 0..=16, |text| parse::duration(text, &delay)),
            disable_after: section.duration("disable_after", second..=90 * day),
            log_retention: section.duration("log_retention", second..=365 * day),
            concurrency: section.number("concurrency", "a number of deliveries", 1..=1024),
            per_endpoint: section.number("per_endpoint", "a number of deliveries", 1..=256),
        }
    }
}
