//! The cache of single products.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{AccountId, ProductId};
use resilience::{Breaker, BreakerConfig, CallError, State};

use crate::{
    config::CacheConfig,
    error::Error,
    frame::{self, Lookup},
    link::Link,
    pulse::{self, Pulse},
    scripts::Scripts,
    ticket::{Stamp, Ticket},
    trust::{CatchUp, Trust},
    ttl::{jittered, milliseconds},
};

/// How long a floor is held: longer than any fill that was under way can take.
const FLOOR_TTL: Duration = Duration::from_secs(60);
/// How long after its miss a fill is taken; well below the life of a floor.
const TICKET_TTL: Duration = Duration::from_secs(20);

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
        let inner = Arc::new(Inner {
            link: Link::new(&config)?,
            breaker: Breaker::new("redis", breaker),
            trust: Trust::new(),
            pulse: Pulse::new(),
            scripts: Scripts::new(),
            epoch_key: format!("{}:epoch", config.prefix),
            prefix: config.prefix,
            product_ttl: config.product_ttl,
            ttl_jitter: config.ttl_jitter,
            not_found_ttl: config.not_found_ttl,
        });
        let woke = |inner: &Inner| inner.trust.doubt();
        tokio::spawn(pulse::beat(
            Arc::downgrade(&inner),
            |inner: &Inner| &inner.pulse,
            woke,
        ));
        Ok(Self(inner))
    }

    /// What is known about a product; a miss within the response timeout where Redis does not answer, and at once
    /// while the cache is catching up.
    pub async fn product_get(&self, account_id: AccountId, product_id: ProductId) -> Lookup {
        let key = self.key(account_id, product_id);
        // In this order: the beat doubts before it beats.
        if self.0.pulse.stood_still() || self.catching_up().is_some() {
            return Lookup::Miss(Ticket { key, stamp: None });
        }
        let mut commands = redis::pipe();
        commands.cmd("MGET").arg(&key).arg(&self.0.epoch_key);
        commands.cmd("TIME");
        let found: Option<(Held, Time)> = self.call(self.0.link.pipeline(&commands)).await;
        let Some(((entry, epoch), (seconds, _))) = found else {
            return Lookup::Miss(Ticket { key, stamp: None });
        };
        if let Some(known) = entry.and_then(|bytes| frame::read(&Bytes::from(bytes))) {
            return known;
        }
        let stamp = match epoch {
            Some(epoch) => Some(Stamp { epoch, seconds }),
            None => self.begin_epoch().await,
        };
        Lookup::Miss(Ticket { key, stamp })
    }

    /// Keeps the response of a product, unless a newer version or floor is already known, or the ticket is no longer
    /// good. True where it is now kept.
    ///
    /// Where nothing may be kept, Redis is told at least to forget what is older: the change that is about to be
    /// answered may have been committed a moment ago, and another process would still answer what was before it.
    pub async fn product_put(&self, ticket: Ticket, version: i64, body: &[u8]) -> bool {
        let Some(leave) = self.leave(&ticket) else {
            self.forget_older(&ticket.key, version).await;
            return false;
        };
        let ttl = jittered(self.0.product_ttl, self.0.ttl_jitter);
        let entry = frame::product(version, body);
        self.fill(&ticket.key, leave, version, entry, ttl).await
    }

    /// Keeps for a short time that there is no such product; never over a product or a floor. True where it is now
    /// kept. Where nothing may be kept, as [`Self::product_put`].
    pub async fn product_put_not_found(&self, ticket: Ticket) -> bool {
        let Some(leave) = self.leave(&ticket) else {
            // It may have been deleted a moment ago, and an identifier never comes back.
            self.forget_older(&ticket.key, i64::MAX).await;
            return false;
        };
        let ttl = self.0.not_found_ttl;
        self.fill(&ticket.key, leave, 0, frame::not_found(), ttl).await
    }

    /// Forgets everything about a product older than `floor_version`, and for a minute refuses to learn it again,
    /// so that a reader who was slow cannot bring it back. To be called after the commit, with the version that it
    /// made, or after a delete with one more than the last.
    ///
    /// False where Redis did not take it. Then the cache is out of use until [`Self::caught_up`].
    pub async fn product_invalidate(
        &self,
        account_id: AccountId,
        product_id: ProductId,
        floor_version: i64,
    ) -> bool {
        let key = self.key(account_id, product_id);
        let is_taken = self.forget_older(&key, floor_version).await;
        if !is_taken {
            self.0.trust.doubt();
        }
        is_taken
    }

    /// As [`Self::product_invalidate`], for many products in one round trip. Says for each whether Redis took it;
    /// where that is not known, it did not.
    pub async fn products_invalidate(&self, floors: &[(AccountId, ProductId, i64)]) -> Vec<bool> {
        if floors.is_empty() {
            return Vec::new();
        }
        let script = &self.0.scripts.raise;
        let mut commands = redis::pipe();
        // Whether Redis knows the script cannot be asked before.
        commands.load_script(script).ignore();
        for &(account_id, product_id, floor_version) in floors {
            let mut invocation = script.prepare_invoke();
            invocation
                .key(self.key(account_id, product_id))
                .arg(floor_version)
                .arg(frame::floor(floor_version))
                .arg(milliseconds(FLOOR_TTL));
            commands.invoke_script(&invocation).ignore();
        }
        let taken = self.call(self.0.link.pipeline_alone(&commands)).await;
        if taken.is_none() {
            self.0.trust.doubt();
        }
        vec![taken.is_some(); floors.len()]
    }

    /// Has the cache catch up before it is used again, since somebody else's invalidation has failed, or may have.
    pub fn doubt(&self) {
        self.0.trust.doubt();
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

    /// Gives Redis an epoch where it has none, and says which it has now.
    async fn begin_epoch(&self) -> Option<Stamp> {
        let mut commands = redis::pipe();
        let fresh = fastrand::u64(..).to_be_bytes();
        commands
            .cmd("SET")
            .arg(&self.0.epoch_key)
            .arg(&fresh)
            .arg("NX")
            .ignore();
        commands.cmd("GET").arg(&self.0.epoch_key);
        commands.cmd("TIME");
        let (epoch, (seconds, _)): (Vec<u8>, Time) = self.call(self.0.link.pipeline(&commands)).await?;
        Some(Stamp { epoch, seconds })
    }

    /// What entitles to a fill, where anything does.
    fn leave<'a>(&self, ticket: &'a Ticket) -> Option<&'a Stamp> {
        ticket.stamp.as_ref().filter(|_| self.catching_up().is_none())
    }

    async fn fill(&self, key: &str, leave: &Stamp, version: i64, entry: Vec<u8>, ttl: Duration) -> bool {
        let mut invocation = self.0.scripts.put.prepare_invoke();
        invocation
            .key(key)
            .key(&self.0.epoch_key)
            .arg(version)
            .arg(entry)
            .arg(milliseconds(ttl))
            .arg(&leave.epoch)
            .arg(leave.seconds)
            .arg(TICKET_TTL.as_secs());
        self.call(self.0.link.script(&invocation)).await == Some(true)
    }

    /// Raises a floor. False where Redis is not known to have taken it.
    async fn forget_older(&self, key: &str, floor_version: i64) -> bool {
        let mut invocation = self.0.scripts.raise.prepare_invoke();
        invocation
            .key(key)
            .arg(floor_version)
            .arg(frame::floor(floor_version))
            .arg(milliseconds(FLOOR_TTL));
        let taken: Option<bool> = self.call(self.0.link.script(&invocation)).await;
        taken.is_some()
    }

    /// None where Redis was not asked, or did not answer.
    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        match self.0.breaker.call(|_| true, call).await {
            Ok(value) => return Some(value),
            Err(CallError::Failed(error)) => tracing::debug!(%error, "a call to Redis failed"),
            Err(CallError::Open { .. }) => {}
        }
        if self.0.breaker.state() != State::Closed {
            self.0.trust.doubt();
        }
        None
    }

    fn key(&self, account_id: AccountId, product_id: ProductId) -> String {
        format!("{}:product:{account_id}:{product_id}", self.0.prefix)
    }
}

/// An entry and the epoch.
type Held = (Option<Vec<u8>>, Option<Vec<u8>>);
/// Redis's clock: seconds, and the microseconds of the current one.
type Time = (i64, i64);

#[cfg(test)]
mod tests {
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
        })
        .unwrap();
        cache.caught_up(cache.catching_up().unwrap());
        for (late, taken) in [(0, true), (10, true), (30, false), (-10, false)] {
            let found = cache.product_get(AccountId::DEFAULT, ProductId::generate()).await;
            let Lookup::Miss(mut ticket) = found else {
                panic!("{found:?}");
            };
            ticket.stamp.as_mut().unwrap().seconds -= late;
            assert_eq!(cache.product_put(ticket, 1, b"{}").await, taken, "{late}");
        }
    }
}
