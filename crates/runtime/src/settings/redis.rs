//! `redis`: cache, rate limits, live events.

use std::time::Duration;

use secrecy::SecretString;

use super::section::Section;
use super::{address, parse};

/// Redis.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The password, if the server asks for one.
    pub password: Option<SecretString>,
    /// The number of the database.
    pub database: u16,
    /// Begins every key.
    pub prefix: String,
    /// After this Redis counts as away.
    pub response_timeout: Duration,
}

impl Redis {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            host: section.parsed("host", parse::host),
            port: section.number("port", "a port", 1..=65535),
            password: section.secret("password"),
            database: section.number("database", "a database", 0..=1023),
            prefix: section.parsed("prefix", |text| parse::slug(text, "._-")),
            response_timeout: section.duration(
                "response_timeout",
                Duration::from_millis(10)..=Duration::from_secs(30),
            ),
        }
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}
