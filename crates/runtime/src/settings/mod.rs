//! Typed settings: built-in defaults, under a YAML file, under the environment.
//!
//! Every value stays the text that was written until the setting it belongs to says what it is. So a password
//! `007` is never a number, wherever it was written. Every fault is found in one go, and each says which
//! setting, which value, where it came from and what to do.

mod auth;
mod aws;
mod cache;
mod checks;
mod cors;
mod database;
mod environment;
mod fault;
mod file;
mod images;
mod jwt;
mod layer;
mod ledger;
mod limits;
mod load;
mod logging;
mod options;
mod outbox;
mod parse;
mod process;
mod rabbitmq;
mod redis;
mod schema;
mod section;
mod server;
mod source;
mod suggest;
mod unreachable;
mod variants;
mod webhooks;
mod yaml;

pub use auth::{Auth, AuthMode};
pub use aws::Aws;
pub use cache::Cache;
pub use cors::Cors;
pub use database::Database;
pub use fault::{Fault, SettingsError};
pub use images::{Avif, Colour, Formats, Images, Jpeg, Webp};
pub use jwt::{Jwks, Jwt, JwtAlgorithm};
pub use limits::Limits;
pub use load::DEFAULTS;
pub use logging::{LogFormat, Logging};
pub use options::{LoadOptions, Program};
pub use outbox::Outbox;
pub use process::{Catalogue, Shutdown, Worker};
pub use rabbitmq::Rabbitmq;
pub use redis::Redis;
pub use server::{ForwardedHeader, Server};
pub use source::{Source, Sources};
pub use unreachable::Unreachable;
pub use variants::{Fit, Format, OwnAvif, OwnJpeg, OwnWebp, Variant};
pub use webhooks::Webhooks;

/// Every setting of both binaries. `Debug` shows no secret, so it may be logged.
#[derive(Clone, Debug)]
pub struct Settings {
    /// PostgreSQL.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// RabbitMQ.
    pub rabbitmq: Rabbitmq,
    /// Where the api listens.
    pub server: Server,
    /// S3.
    pub aws: Aws,
    /// What is true of all products.
    pub catalogue: Catalogue,
    /// Who may call.
    pub auth: Auth,
    /// What the image workers accept and make.
    pub images: Images,
    /// How much an image worker does at a time.
    pub worker: Worker,
    /// How often somebody may call.
    pub limits: Limits,
    /// The product cache.
    pub cache: Cache,
    /// What a transaction has left to be sent.
    pub outbox: Outbox,
    /// How events are delivered.
    pub webhooks: Webhooks,
    /// Logs.
    pub logging: Logging,
    /// The end of a process.
    pub shutdown: Shutdown,
    sources: Sources,
}

impl Settings {
    /// Loads the settings, or says everything that is wrong with them.
    pub fn load(options: &LoadOptions) -> Result<Self, SettingsError> {
        load::load(options)
    }

    /// Where the value of a setting, such as `redis.host`, came from.
    #[must_use]
    pub fn source_of(&self, setting: &str) -> Source {
        self.sources.of(setting)
    }
}

/// `host:port`, with the brackets that an IPv6 address needs.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
