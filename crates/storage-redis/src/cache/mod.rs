//! The cache of single products: this process's own memory, and Redis behind it.

mod fill;
mod forget;
mod lookup;

use std::{sync::Arc, time::Duration};

use resilience::{Breaker, BreakerConfig, CallError, State};
use uuid::Uuid;

use crate::{
    config::CacheConfig,
    counts::Counts,
    error::Error,
    link::Link,
    near::{self, Channels, Listener, Lives, Near, ProductKey, Waits},
    pulse::{self, Pulse},
    scripts::Scripts,
    trust::{CatchUp, Trust},
};

/// Products as their responses' bytes, shared by all processes. Cheap to clone.
///
/// A new one is not in use: somebody must carry out the invalidations that wait, see [`Self::catching_up`].
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    link: Link,
    breaker: Breaker,
    trust: Trust,
    pulse: Pulse,
    near: Arc<Near>,
    waits: Arc<Waits>,
    /// What other processes call this one.
    process: Uuid,
    channels: Channels,
    counts: Counts,
    scripts: Scripts,
    prefix: String,
    epoch_key: String,
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
        let breaker = BreakerConfig {
            // Every call ends by then, and one that is cut short has failed by itself.
            slow_after: config.response_timeout * 2,
            ..BreakerConfig::default()
        };
        let lives = Lives {
            product: config.product_ttl,
            jitter: config.ttl_jitter,
            not_found: config.not_found_ttl,
        };
        let channels = Channels {
            changes: format!("{}:forget", config.prefix),
            heard: format!("{}:heard", config.prefix),
        };
        let near = Arc::new(Near::new(config.near_bytes, lives));
        let (waits, process) = (Arc::new(Waits::default()), Uuid::now_v7());
        let listener = Listener {
            client: config.listening_client()?,
            channels: channels.clone(),
            process,
            near: Arc::clone(&near),
            waits: Arc::clone(&waits),
            patience: config.response_timeout,
            holds: config.near_bytes > 0,
        };
        let inner = Arc::new(Inner {
            link: Link::new(&config)?,
            breaker: Breaker::new("redis", breaker),
            trust: Trust::new(),
            pulse: Pulse::new(),
            near,
            waits,
            process,
            channels,
            counts: Counts::default(),
            scripts: Scripts::new(),
            epoch_key: format!("{}:epoch", config.prefix),
            prefix: config.prefix,
            product_ttl: config.product_ttl,
            ttl_jitter: config.ttl_jitter,
            not_found_ttl: config.not_found_ttl,
        });
        tokio::spawn(near::listen(listener, Arc::downgrade(&inner)));
        let woke = |inner: &Inner| inner.doubt();
        tokio::spawn(pulse::beat(
            Arc::downgrade(&inner),
            |inner: &Inner| &inner.pulse,
            woke,
        ));
        Ok(Self(inner))
    }

    /// Has the cache catch up before it is used again, since somebody else's invalidation has failed, or may have.
    pub fn doubt(&self) {
        self.0.doubt();
    }

    /// Some while nothing is read from Redis, nor filled in: from the start, whenever an invalidation has failed or
    /// Redis was given up for a moment, and after this process stood still. What it missed waits in the outbox. Whoever
    /// has carried out everything that waited there after this call says so to [`Self::caught_up`].
    pub fn catching_up(&self) -> Option<CatchUp> {
        self.0.trust.catching_up()
    }

    /// Takes the cache into use again. Changes nothing where there was another reason for doubt since the token, or
    /// where Redis is not known to answer.
    pub fn caught_up(&self, token: CatchUp) {
        if self.0.breaker.state() == State::Closed {
            self.0.trust.clear(token);
        }
    }

    /// Asks Redis for a sign of life, whatever the cache thinks of it. If it gives one, it is called again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after the response timeout at the latest.
    pub async fn ping(&self) -> Result<(), Error> {
        let ping = redis::cmd("PING");
        let answer = self.0.link.command::<String>(&ping);
        self.0.breaker.look(|_| true, answer).await.map(|_| ())
    }

    /// None where Redis was not asked, or did not answer.
    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        match self.0.breaker.call(|_| true, call).await {
            Ok(value) => return Some(value),
            Err(CallError::Failed(error)) => tracing::debug!(%error, "a call to Redis failed"),
            Err(CallError::Open { .. }) => {}
        }
        if self.0.breaker.state() != State::Closed {
            self.0.doubt();
        }
        None
    }

    /// The key that says that some process reads a product.
    fn lease_key(&self, (account_id, product_id): ProductKey) -> String {
        format!("{}:reading:{account_id}:{product_id}", self.0.prefix)
    }

    fn key(&self, (account_id, product_id): ProductKey) -> String {
        format!("{}:product:{account_id}:{product_id}", self.0.prefix)
    }
}

impl Inner {
    /// Something may have been missed.
    fn doubt(&self) {
        self.trust.doubt();
        self.near.begin_anew();
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ProductId};

    use crate::frame::Lookup;

    use super::*;

    #[tokio::test]
    async fn a_fill_that_comes_late_is_refused() {
        let redis = testkit::TestRedis::create();
        let cache = Cache::new(CacheConfig {
            host: redis.host.clone(),
            port: redis.port,
            username: None,
            password: None,
            database: 0,
            prefix: redis.prefix().to_owned(),
            response_timeout: Duration::from_millis(500),
            product_ttl: Duration::from_secs(60),
            ttl_jitter: Duration::ZERO,
            not_found_ttl: Duration::from_secs(10),
            near_bytes: 0,
        })
        .unwrap();
        cache.caught_up(cache.catching_up().unwrap());
        for (late, taken) in [(0, true), (10, true), (30, false), (-10, false)] {
            let found = cache.product_get(AccountId::DEFAULT, ProductId::generate()).await;
            let Lookup::Miss(mut ticket) = found else {
                panic!("{found:?}");
            };
            ticket.stamp.as_mut().unwrap().seconds -= late;
            assert_eq!(cache.product_put(ticket, 1, "{}").await, taken, "{late}");
        }
    }
}
