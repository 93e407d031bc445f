//! Where the services are.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Addresses and credentials of the services that tests run on.
#[derive(Debug)]
pub struct Services {
    /// A database whose user may create others.
    pub database_url: String,
    /// `redis://host:port`
    pub redis_url: String,
    /// `amqp://user:password@host:port/vhost`
    pub amqp_url: String,
    /// Where RabbitMQ tells about itself: `http://user:password@host:port`; none where nobody said.
    pub rabbitmq_management_url: Option<String>,
    /// Scheme, host and port of S3.
    pub s3_endpoint: String,
    /// Access key of a user who may create buckets.
    pub s3_access_key_id: String,
    /// Its secret.
    pub s3_secret_access_key: String,
    /// Region that requests are signed for.
    pub s3_region: String,
}

/// The services, from `PMS_TEST_…` in the environment, else from `.local/services.env`.
///
/// # Panics
/// Where they are in neither, with the cure.
pub fn services() -> &'static Services {
    static SERVICES: LazyLock<Services> = LazyLock::new(load);
    &SERVICES
}

/// The folder that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
}

fn load() -> Services {
    let folder = env::var_os("PMS_LOCAL_DIR").map_or_else(|| workspace_root().join(".local"), PathBuf::from);
    let file = folder.join("services.env");
    let written = fs::read_to_string(&file)
        .map(|text| parse(&text))
        .unwrap_or_default();
    let find = |name: &str| {
        let name = format!("PMS_TEST_{name}");
        env::var(&name).ok().or_else(|| written.get(&name).cloned())
    };
    let get = |name: &str| {
        find(name).unwrap_or_else(|| {
            panic!(
                "PMS_TEST_{name} is neither in the environment nor in {}; start the services with `make services`",
                file.display()
            )
        })
    };
    Services {
        database_url: get("DATABASE_URL"),
        redis_url: get("REDIS_URL"),
        amqp_url: get("AMQP_URL"),
        rabbitmq_management_url: find("RABBITMQ_MANAGEMENT_URL"),
        s3_endpoint: get("S3_ENDPOINT"),
        s3_access_key_id: get("S3_ACCESS_KEY_ID"),
        s3_secret_access_key: get("S3_SECRET_ACCESS_KEY"),
        s3_region: get("S3_REGION"),
    }
}

fn parse(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}
