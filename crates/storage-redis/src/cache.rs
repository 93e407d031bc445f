//! The cache of single products.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{AccountId, ProductId};
use redis::Script;

use crate::{
    breaker::Breaker,
    config::CacheConfig,
    error::Error,
    frame::{self, Lookup},
    link::Link,
    scripts::Scripts,
};

/// How long a floor is held: longer than any fill that was under way can take.
const FLOOR_TTL: Duration = Duration::from_secs(60);

/// Products as their responses' bytes, shared by all processes. Cheap to clone.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    link: Link,
    breaker: Breaker,
    scripts: Scripts,
    prefix: String,
    product_ttl: Duration,
    ttl_jitter: Duration,
    not_found_ttl: Duration,
}

impl Cache {
    /// Prepares the cache and connects in the background: a Redis that is away is no error here. Must be called
    /// within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot work.
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            link: Link::new(&config)?,
            breaker: Breaker::new(),
            scripts: Scripts::new(),
            prefix: config.prefix,
            product_ttl: config.product_ttl,
            ttl_jitter: config.ttl_jitter,
            not_found_ttl: config.not_found_ttl,
        })))
    }

    /// What is known about a product; a miss within the response timeout where Redis does not answer.
    pub async fn product_get(&self, account_id: AccountId, product_id: ProductId) -> Lookup {
        let mut command = redis::cmd("GET");
        command.arg(self.key(account_id, product_id));
        let found: Option<Option<Vec<u8>>> = self.0.breaker.call(self.0.link.command(&command)).await;
        found
            .flatten()
            .map_or(Lookup::Miss, |bytes| frame::read(&Bytes::from(bytes)))
    }

    /// Keeps the response of a product, unless a newer version or floor is already known. True where it is now kept.
    pub async fn product_put(
        &self,
        account_id: AccountId,
        product_id: ProductId,
        version: i64,
        body: &[u8],
    ) -> bool {
        let entry = frame::product(version, body);
        let key = self.key(account_id, product_id);
        self.run(
            &self.0.scripts.put,
            key,
            version,
            entry,
            jittered(self.0.product_ttl, self.0.ttl_jitter),
        )
        .await
            == Some(true)
    }

    /// Keeps for a short time that there is no such product; never over a product or a floor. True where it is now
    /// kept.
    pub async fn product_put_not_found(&self, account_id: AccountId, product_id: ProductId) -> bool {
        let key = self.key(account_id, product_id);
        self.run(
            &self.0.scripts.put,
            key,
            0,
            frame::not_found(),
            self.0.not_found_ttl,
        )
        .await
            == Some(true)
    }

    /// Forgets everything about a product older than `floor_version`, and for a minute refuses to learn it again,
    /// so that a reader who was slow cannot bring it back. To be called after the commit, with the version that it
    /// made, or after a delete with one more than the last. False where Redis did not take it.
    pub async fn product_invalidate(
        &self,
        account_id: AccountId,
        product_id: ProductId,
        floor_version: i64,
    ) -> bool {
        let entry = frame::floor(floor_version);
        let key = self.key(account_id, product_id);
        self.run(&self.0.scripts.raise, key, floor_version, entry, FLOOR_TTL)
            .await
            .is_some()
    }

    /// Asks Redis for a sign of life, whatever the cache thinks of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after the response timeout at the latest.
    pub async fn ping(&self) -> Result<(), Error> {
        self.0
            .link
            .command::<String>(&redis::cmd("PING"))
            .await
            .map(|_| ())
    }

    /// None where Redis did not answer; else whether the entry was written.
    async fn run(
        &self,
        script: &Script,
        key: String,
        version: i64,
        entry: Vec<u8>,
        ttl: Duration,
    ) -> Option<bool> {
        let mut invocation = script.prepare_invoke();
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        invocation.key(key).arg(version).arg(entry).arg(milliseconds);
        self.0.breaker.call(self.0.link.script(&invocation)).await
    }

    fn key(&self, account_id: AccountId, product_id: ProductId) -> String {
        format!("{}:product:{account_id}:{product_id}", self.0.prefix)
    }
}

fn jittered(ttl: Duration, jitter: Duration) -> Duration {
    ttl.saturating_sub(jitter.mul_f64(fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_spread_over_the_jitter() {
        let ttl = Duration::from_secs(100);
        let lifetimes: Vec<_> = (0..100).map(|_| jittered(ttl, Duration::from_secs(30))).collect();
        assert!(
            lifetimes
                .iter()
                .all(|time| *time >= Duration::from_secs(70) && *time <= ttl)
        );
        assert!(lifetimes.iter().any(|time| *time != lifetimes[0]));
    }
}
