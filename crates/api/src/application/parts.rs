//! From settings to the parts, and what to say where one of them does not answer.

use broker::{BrokerConfig, BrokerError};
use runtime::{
    Causes, Settings,
    settings::{self, Auth, AuthMode, Images, Unreachable, Webhooks},
};
use storage_postgres::{DatabaseConfig, StorageError};
use storage_redis::CacheConfig;
use storage_s3::S3Config;

use crate::{places::Places, uploads::UploadLimits, webhooks::DelivererConfig};

/// What this process is called in the lists of PostgreSQL and RabbitMQ.
const NAME: &str = "pms-api";

/// The most batches that are read at a time, so that they can be held in memory.
const BATCHES_MAX: usize = 8;

/// How many attempts fit into the time for which a delivery is taken: waiting for a connection to the database, to note
/// how it went, must fit in as well.
const LEASE_ATTEMPTS: u32 = 3;

/// Where PostgreSQL is.
pub fn database_config(settings: &Settings) -> DatabaseConfig {
    let database = &settings.database;
    DatabaseConfig {
        host: database.host.clone(),
        port: database.port,
        user: database.user.clone(),
        password: database.password.clone().unwrap_or_default(),
        dbname: database.dbname.clone(),
        pool_size: database.pool_size,
        connect_timeout: database.connect_timeout,
        statement_timeout: database.statement_timeout,
        application_name: NAME.to_owned(),
    }
}

/// Where Redis is.
pub(super) fn cache_config(settings: &Settings) -> CacheConfig {
    let (redis, cache) = (&settings.redis, &settings.cache);
    CacheConfig {
        host: redis.host.clone(),
        port: redis.port,
        username: None,
        password: redis.password.clone(),
        database: redis.database.into(),
        prefix: redis.prefix.clone(),
        response_timeout: redis.response_timeout,
        product_ttl: cache.ttl,
        ttl_jitter: cache.ttl_jitter,
        not_found_ttl: cache.not_found_ttl,
        near_bytes: cache.process_bytes,
    }
}

/// Where RabbitMQ is.
pub fn broker_config(settings: &Settings) -> BrokerConfig {
    let rabbitmq = &settings.rabbitmq;
    BrokerConfig {
        host: rabbitmq.host.clone(),
        port: rabbitmq.port,
        user: rabbitmq.user.clone(),
        password: rabbitmq.password.clone(),
        vhost: rabbitmq.vhost.clone(),
        prefix: rabbitmq.prefix.clone(),
        connect_timeout: rabbitmq.connect_timeout,
        confirm_timeout: rabbitmq.confirm_timeout,
        retry_delays: rabbitmq.retry_delays.clone(),
        connection_name: NAME.to_owned(),
    }
}

/// Where the pictures are.
pub(super) fn s3_config(settings: &Settings) -> S3Config {
    let aws = &settings.aws;
    S3Config {
        bucket: aws.s3bucket.clone(),
        region: aws.region.clone(),
        endpoint: aws.endpoint.clone(),
        public_base_url: Some(aws.public_base_url.clone()),
        access_key_id: aws.access_key_id.clone(),
        secret_access_key: aws.secret_access_key.clone(),
        request_timeout: aws.request_timeout,
    }
}

/// What uploads have to keep to.
pub(super) fn upload_limits(images: &Images) -> UploadLimits {
    UploadLimits {
        max_bytes: images.max_upload_bytes,
        timeout: images.upload_timeout,
    }
}

/// Places that accounts share, where there are several.
pub(super) fn places(auth: &Auth, total: usize) -> Places {
    match auth.mode {
        AuthMode::Keys => Places::for_many(total),
        _ => Places::for_one(total),
    }
}

/// How many batches are read and carried out at a time: so few that half of the connections to the database are left to
/// others.
pub(super) fn batches_at_a_time(database: &settings::Database) -> usize {
    (database.pool_size / 2).clamp(1, BATCHES_MAX)
}

/// How events are delivered.
pub(super) fn deliverer_config(webhooks: &Webhooks) -> DelivererConfig {
    DelivererConfig {
        retry_delays: webhooks.retry_delays.clone(),
        disable_after: webhooks.disable_after,
        concurrency: webhooks.concurrency,
        per_endpoint: webhooks.per_endpoint,
        lease: webhooks.request_timeout * LEASE_ATTEMPTS,
    }
}

/// The message for a database that does not answer.
pub fn database_unreachable(settings: &Settings, error: &StorageError) -> Unreachable {
    let (names, cure) = error.blame();
    let database = &settings.database;
    let address = format_args!("{}/{}", database.address(), database.dbname);
    settings.unreachable("PostgreSQL", names, address, Causes(error), cure)
}

/// The message for a Redis that does not answer.
pub(super) fn redis_unreachable(settings: &Settings, error: &storage_redis::Error) -> Unreachable {
    let (names, cure) = (
        &["redis.host", "redis.port"],
        "see that Redis runs and can be reached from here",
    );
    settings.unreachable("Redis", names, settings.redis.address(), Causes(error), cure)
}

/// The message for a RabbitMQ that does not answer.
pub fn rabbitmq_unreachable(settings: &Settings, error: &BrokerError) -> Unreachable {
    let (names, cure) = error.blame();
    settings.unreachable(
        "RabbitMQ",
        names,
        settings.rabbitmq.address(),
        Causes(error),
        cure,
    )
}
