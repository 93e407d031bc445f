//! `database`: PostgreSQL.

use std::time::Duration;

use secrecy::SecretString;

use super::section::Section;
use super::{address, parse};

/// PostgreSQL.
#[derive(Clone, Debug)]
pub struct Database {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who connects.
    pub user: String,
    /// Their password, if the server asks for one.
    pub password: Option<SecretString>,
    /// The database.
    pub dbname: String,
    /// Connections of one process.
    pub pool_size: usize,
    /// To open a connection, or to wait for a free one.
    pub connect_timeout: Duration,
    /// The server ends a statement that runs longer.
    pub statement_timeout: Duration,
}

impl Database {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            host: section.parsed("host", parse::host),
            port: section.number("port", "a port", 1..=65535),
            user: section.parsed("user", parse::text),
            password: section.secret("password"),
            dbname: section.parsed("dbname", parse::text),
            pool_size: section.number("pool_size", "a number of connections", 1..=1000),
            connect_timeout: section.duration(
                "connect_timeout",
                Duration::from_millis(100)..=Duration::from_secs(300),
            ),
            statement_timeout: section.duration(
                "statement_timeout",
                Duration::from_millis(100)..=Duration::from_secs(3600),
            ),
        }
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}
