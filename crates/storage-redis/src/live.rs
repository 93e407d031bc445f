//! Telling all processes of changes as they are committed, by publish and subscribe.
//!
//! Nothing is kept for those who do not listen: what is told may be lost, and whoever must know looks into PostgreSQL.

use std::{sync::Arc, time::Duration};

use domain::Change;
use redis::Client;
use resilience::{Breaker, BreakerConfig};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

use crate::{config::CacheConfig, error::Error, line::Line, link::Link};

/// Changes that are being told at a time by those who do not wait for it.
const UNDER_WAY: usize = 256;
/// After so much silence a subscription is asked whether it still lives.
const SILENCE: Duration = Duration::from_secs(1);

/// Where changes are told and heard. Cheap to clone.
///
/// It connects for itself, since it is there where the cache is not.
#[derive(Clone)]
pub struct LiveChannel(Arc<Inner>);

struct Inner {
    link: Link,
    breaker: Breaker,
    client: Client,
    name: String,
    response_timeout: Duration,
    under_way: Arc<Semaphore>,
    runtime: Handle,
}

/// What is heard, from its beginning until the connection is lost.
pub struct Subscription(Line);

impl LiveChannel {
    /// Prepares it and connects in the background. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot work.
    pub fn new(config: &CacheConfig) -> Result<Self, Error> {
        let breaker = BreakerConfig {
            slow_after: config.response_timeout * 2,
            ..BreakerConfig::default()
        };
        Ok(Self(Arc::new(Inner {
            link: Link::new(config)?,
            breaker: Breaker::new("redis_live", breaker),
            client: config.listening_client()?,
            name: format!("{}:changes", config.prefix),
            response_timeout: config.response_timeout,
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            runtime: Handle::current(),
        })))
    }

    /// Tells of changes in one round trip, and lets nobody wait for it. Where Redis is away, or far too much is being
    /// told, they are not told.
    pub fn announce(&self, changes: Vec<Change>) {
        let Ok(place) = Arc::clone(&self.0.under_way).try_acquire_owned() else {
            tracing::debug!("changes are not told; too many are being told");
            return;
        };
        let channel = self.clone();
        self.0.runtime.spawn(async move {
            channel.publish(&changes).await;
            drop(place);
        });
    }

    /// Tells of changes in one round trip. False where Redis is not known to have taken them, within the response
    /// timeout.
    pub async fn publish(&self, changes: &[Change]) -> bool {
        let mut commands = redis::pipe();
        for change in changes {
            // These types always have a JSON form.
            let message = serde_json::to_vec(change).unwrap_or_default();
            commands.publish(&self.0.name, message).ignore();
        }
        let call = self.0.link.pipeline::<()>(&commands);
        match self.0.breaker.call(|_| true, call).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, changes = changes.len(), "changes could not be told");
                false
            }
        }
    }

    /// Begins to listen. What is told after this has returned is heard.
    ///
    /// # Errors
    /// [`Error::Unavailable`] within a few response timeouts.
    pub async fn subscribe(&self) -> Result<Subscription, Error> {
        let channels = [self.0.name.clone()];
        let line = Line::open(&self.0.client, &channels, self.0.response_timeout).await?;
        Ok(Subscription(line))
    }
}

impl Subscription {
    /// The next change; none where something was told that cannot be read, as a later release may. That the connection
    /// is lost is noticed within about a second and the response timeout.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where something may have been missed: subscribe anew.
    pub async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            match timeout(SILENCE, self.0.next()).await {
                Ok(message) => {
                    let change = serde_json::from_slice(&message?.payload);
                    return Ok(change
                        .inspect_err(|error| tracing::debug!(%error, "a change that was told cannot be read"))
                        .ok());
                }
                Err(_) => self.0.ask().await?,
            }
        }
    }
}
