//! A key prefix of its own in Redis per test.

use std::{thread, time::Duration};

use redis::{Client, Commands as _, ConnectionAddr, IntoConnectionInfo as _};
use storage_redis::CacheConfig;

use crate::{services::services, unique};

/// A prefix for keys, all of which are deleted at the end.
#[derive(Debug)]
pub struct TestRedis {
    prefix: String,
    client: Client,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl TestRedis {
    /// Invents a prefix.
    pub fn create() -> Self {
        let info = services()
            .redis_url
            .as_str()
            .into_connection_info()
            .expect("PMS_TEST_REDIS_URL is a URL of Redis");
        let ConnectionAddr::Tcp(host, port) = info.addr().clone() else {
            panic!("PMS_TEST_REDIS_URL must name a host and a port");
        };
        Self {
            prefix: format!("test-{}", unique()),
            client: Client::open(info).expect("a client can be made"),
            host,
            port,
        }
    }

    /// The prefix; a colon follows it in every key.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A client beside that of the code under test.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Settings for a cache on this prefix.
    pub fn config(&self) -> CacheConfig {
        CacheConfig {
            host: self.host.clone(),
            port: self.port,
            username: None,
            password: None,
            database: 0,
            prefix: self.prefix.clone(),
            response_timeout: Duration::from_millis(500),
            product_ttl: Duration::from_secs(60),
            ttl_jitter: Duration::ZERO,
            not_found_ttl: Duration::from_secs(10),
            near_bytes: 1 << 20,
        }
    }

    /// Every key under the prefix.
    pub fn keys(&self) -> Vec<String> {
        keys(&self.client, &self.prefix)
    }

    /// Every key under the prefix that holds a text, with that text. Blocks.
    ///
    /// # Errors
    /// Where Redis does not answer.
    pub fn entries(&self) -> redis::RedisResult<Vec<(String, Vec<u8>)>> {
        let mut connection = self.client.get_connection_with_timeout(Duration::from_secs(5))?;
        let keys: Vec<String> = connection
            .scan_match(format!("{}:*", self.prefix))?
            .collect::<redis::RedisResult<_>>()?;
        let mut entries = Vec::new();
        for key in keys {
            // One that has ended meanwhile, or is no text, is none.
            if let Ok(Some(value)) = connection.get::<_, Option<Vec<u8>>>(&key) {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }

    /// How many clients are connected to the whole server, this question included. Blocks.
    ///
    /// # Errors
    /// Where Redis does not answer.
    pub fn connections(&self) -> redis::RedisResult<usize> {
        let mut connection = self.client.get_connection_with_timeout(Duration::from_secs(5))?;
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut connection)?;
        Ok(list.lines().count())
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let (client, prefix) = (self.client.clone(), self.prefix.clone());
        // A thread of its own, since this one may be part of a runtime, which must not block.
        let _ = thread::spawn(move || {
            let keys = keys(&client, &prefix);
            if let (false, Ok(mut connection)) = (keys.is_empty(), client.get_connection()) {
                let _: redis::RedisResult<()> = connection.del(keys);
            }
        })
        .join();
    }
}

fn keys(client: &Client, prefix: &str) -> Vec<String> {
    let Ok(mut connection) = client.get_connection_with_timeout(Duration::from_secs(5)) else {
        return Vec::new();
    };
    let found = connection.scan_match::<_, String>(format!("{prefix}:*"));
    found
        .map(|keys| keys.filter_map(Result::ok).collect())
        .unwrap_or_default()
}
