//! `rabbitmq`: where the api and the workers meet.

use std::time::Duration;

use secrecy::SecretString;

use super::section::Section;
use super::{address, parse};

/// RabbitMQ.
#[derive(Clone, Debug)]
pub struct Rabbitmq {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who connects.
    pub user: String,
    /// Their password; empty if it is not set.
    pub password: SecretString,
    /// The virtual host.
    pub vhost: String,
    /// Begins the name of every exchange and queue.
    pub prefix: String,
    /// To connect, handshake included.
    pub connect_timeout: Duration,
    /// For the broker to confirm a message.
    pub confirm_timeout: Duration,
    /// How long a message waits before its second, third… attempt. Each is a queue of its own.
    pub retry_delays: Vec<Duration>,
}

impl Rabbitmq {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let patience = Duration::from_millis(100)..=Duration::from_secs(300);
        let delay = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
        Self {
            host: section.parsed("host", parse::host),
            port: section.number("port", "a port", 1..=65535),
            user: section.parsed("user", parse::text),
            password: section.secret("password").unwrap_or_default(),
            vhost: section.parsed("vhost", parse::text),
            prefix: section.parsed("prefix", |text| parse::slug(text, "._-")),
            connect_timeout: section.duration("connect_timeout", patience.clone()),
            confirm_timeout: section.duration("confirm_timeout", patience),
            retry_delays: section.list("retry_delays", 1..=8, |text| parse::duration(text, &delay)),
        }
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}
