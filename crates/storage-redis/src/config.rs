//! Where Redis is, and how the cache behaves.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::Error;

/// Settings of the cache.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name of the Redis user, where access lists are in use.
    pub username: Option<String>,
    /// Password of that user, or of the default one.
    pub password: Option<SecretString>,
    /// Number of the logical database; 0 unless somebody chose otherwise.
    pub database: u32,
    /// Stands before every key, so that installations share one Redis.
    pub prefix: String,
    /// How long a caller waits for an answer at most, connecting included. A fill or an invalidation, which take a
    /// connection to themselves, may take twice as long.
    pub response_timeout: Duration,
    /// How long a product is kept.
    pub product_ttl: Duration,
    /// Each product is kept up to this much shorter, so that they do not all end at once.
    pub ttl_jitter: Duration,
    /// How long it is kept that there is no such product.
    pub not_found_ttl: Duration,
}

impl CacheConfig {
    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, Error> {
        let mut settings = RedisConnectionInfo::default().set_db(i64::from(self.database));
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose_secret());
        }
        ConnectionAddr::Tcp(self.host.clone(), self.port)
            .into_connection_info()
            .map(|info| info.set_redis_settings(settings))
            .map_err(|error| Error::Config {
                reason: error.to_string(),
            })
    }
}
