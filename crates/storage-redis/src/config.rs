//! Where Redis is, and how the cache behaves.

use std::time::Duration;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{error::Error, link::as_config};

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
    /// How many bytes of products this process holds in its own memory; 0: none.
    pub near_bytes: u64,
}

impl CacheConfig {
    /// For connections on which messages are heard: only with this protocol can they also be asked whether they live.
    pub(crate) fn listening_client(&self) -> Result<Client, Error> {
        let info = self.connection_info()?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Client::open(info.set_redis_settings(settings)).map_err(|error| as_config(&error))
    }

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
