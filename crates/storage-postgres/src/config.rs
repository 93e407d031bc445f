//! How to reach the database.

use std::{fmt::Write as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// How long a transaction may hold its locks without doing anything, in milliseconds, before the server ends it: its
/// process stands still, or is gone without a word. A transaction with a limit of its own has that instead.
const STANDSTILL_MILLISECONDS: u32 = 30_000;

/// How the server plans statements. Reading through an index costs about as much as reading in order, where the disks
/// are solid or the memory holds the data; its own default is for disks that turn. Whatever is guessed of how many rows
/// match, no request reads a table through that an index leads into. Compiling a plan takes longer than any of these
/// statements.
const PLANNING: &str = "-c random_page_cost=1.1 -c enable_seqscan=off -c jit=off";

/// How to reach the database, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// A name or an address, or a folder that holds the server's socket.
    pub host: String,
    /// The TCP port, or the number in the socket's name.
    pub port: u16,
    /// The role to act as.
    pub user: String,
    /// Its password; empty where the server asks for none.
    pub password: SecretString,
    /// The database.
    pub dbname: String,
    /// The most connections to have open at once.
    pub pool_size: usize,
    /// The longest wait for a connection: for a free one of the pool, and for a new one to be made.
    pub connect_timeout: Duration,
    /// The longest that one statement may run; the server ends it then.
    pub statement_timeout: Duration,
    /// What the server's own views call these connections.
    pub application_name: String,
}

/// An address that is none of a database.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a URL at all.
    #[error("the address of the database is not a URL")]
    Url(#[from] url::ParseError),
    /// A URL of something else, or without a part that is needed.
    #[error("the address of the database must look like postgres://user:password@host:5432/name")]
    Form,
}

impl DatabaseConfig {
    /// Reads `postgres://user:password@host:port/dbname`, with small timeouts and a small pool.
    ///
    /// # Errors
    /// An address that has not this form. It is not repeated in the error: it may hold a password.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let url = Url::parse(url)?;
        let dbname = url.path().trim_start_matches('/');
        if !matches!(url.scheme(), "postgres" | "postgresql")
            || url.username().is_empty()
            || dbname.is_empty()
        {
            return Err(ConfigError::Form);
        }
        let host = url.host_str().ok_or(ConfigError::Form)?;
        Ok(Self {
            // A folder for a socket comes percent-encoded, an IPv6 address in brackets.
            host: percent_decode(host.trim_matches(['[', ']']))?,
            port: url.port().unwrap_or(5432),
            user: percent_decode(url.username())?,
            password: percent_decode(url.password().unwrap_or_default())?.into(),
            dbname: percent_decode(dbname)?,
            pool_size: 10,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            application_name: "pms".to_owned(),
        })
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_dbname(&self, dbname: impl Into<String>) -> Self {
        Self {
            dbname: dbname.into(),
            ..self.clone()
        }
    }

    /// The settings in the form `keyword='value'`. They hold the password.
    ///
    /// Keepalives and a bound on unacknowledged data end a connection whose other side has gone silently.
    pub(crate) fn connection_string(&self, purpose: Purpose) -> String {
        let mut text = String::with_capacity(256);
        let mut put = |keyword: &str, value: &str| {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            // Writing to a string cannot fail.
            let _ = write!(text, "{keyword}='{value}' ");
        };
        put("host", &self.host);
        put("port", &self.port.to_string());
        put("user", &self.user);
        if !self.password.expose_secret().is_empty() {
            put("password", self.password.expose_secret());
        }
        put("dbname", &self.dbname);
        put("application_name", &self.application_name);
        put(
            "connect_timeout",
            &self.connect_timeout.as_secs().max(1).to_string(),
        );
        put("keepalives_idle", "30");
        put("keepalives_interval", "5");
        put("keepalives_retries", "3");
        put("tcp_user_timeout", "20");
        let milliseconds = self.statement_timeout.as_millis();
        match purpose {
            Purpose::Service => put(
                "options",
                &format!(
                    "-c statement_timeout={milliseconds} -c default_transaction_read_only=on \
                     -c idle_in_transaction_session_timeout={STANDSTILL_MILLISECONDS} {PLANNING}"
                ),
            ),
            // A migration takes as long as it takes.
            Purpose::Migration => put("options", "-c statement_timeout=0"),
        }
        text
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Serving requests: statements are bounded in time, and only what is inside a transaction may write.
    Service,
    /// Changing the schema.
    Migration,
}

fn percent_decode(text: &str) -> Result<String, ConfigError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(ConfigError::Form)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let config = DatabaseConfig::from_url("postgres://pms:s%40cret%2F@[::1]:5433/catalogue").unwrap();
        assert_eq!(
            (
                config.host.as_str(),
                config.port,
                config.user.as_str(),
                config.dbname.as_str()
            ),
            ("::1", 5433, "pms", "catalogue")
        );
        assert_eq!(config.password.expose_secret(), "s@cret/");
        let config = DatabaseConfig::from_url("postgresql://pms@localhost/catalogue").unwrap();
        assert_eq!((config.port, config.password.expose_secret()), (5432, ""));
        let config = DatabaseConfig::from_url("postgres://pms@%2Fvar%2Frun%2Fpostgresql/catalogue").unwrap();
        assert_eq!(config.host, "/var/run/postgresql");
    }

    #[test]
    fn what_is_no_address_of_a_database_is_refused() {
        for url in [
            "",
            "localhost",
            "mysql://pms@localhost/catalogue",
            "postgres://localhost/catalogue",
            "postgres://pms@localhost",
            "postgres://pms:%ZZ@localhost/catalogue",
            "postgres://pms:%4@localhost/catalogue",
        ] {
            assert!(DatabaseConfig::from_url(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_password_may_hold_any_character_and_is_never_shown() {
        let mut config = DatabaseConfig::from_url("postgres://pms@localhost/catalogue").unwrap();
        config.statement_timeout = Duration::from_secs(3);
        config.password = r"it's a \ secret".to_owned().into();
        let text = config.connection_string(Purpose::Service);
        assert!(text.contains(r"password='it\'s a \\ secret' "), "{text}");
        assert!(text.contains("options='-c statement_timeout=3000 "), "{text}");
        assert!(!format!("{config:?}").contains("secret'"));
    }
}
