//! Telling all processes of changes as they are committed, by publish and subscribe.
//!
//! Nothing is kept for those who do not listen: what is told may be lost, and whoever must know looks into PostgreSQL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::Change;
use redis::{
    AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection,
};
use resilience::{Breaker, BreakerConfig};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    time::timeout,
};

use crate::{
    config::CacheConfig,
    error::Error,
    link::{Link, as_config},
};

/// Changes that are being told at a time by those who do not wait for it.
const UNDER_WAY: usize = 256;
/// Changes that were heard and wait to be taken.
const HEARD: usize = 8_192;
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
pub struct Subscription {
    connection: MultiplexedConnection,
    heard: mpsc::Receiver<Heard>,
    is_overrun: Arc<AtomicBool>,
    patience: Duration,
}

enum Heard {
    Message(Vec<u8>),
    End,
}

impl LiveChannel {
    /// Prepares it and connects in the background. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] where the settings cannot work.
    pub fn new(config: &CacheConfig) -> Result<Self, Error> {
        let info = config.connection_info()?;
        // Only with this protocol can a subscription also be asked whether it lives.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings);
        let breaker = BreakerConfig {
            slow_after: config.response_timeout * 2,
            ..BreakerConfig::default()
        };
        Ok(Self(Arc::new(Inner {
            link: Link::new(config)?,
            breaker: Breaker::new("redis_live", breaker),
            client: Client::open(info).map_err(|error| as_config(&error))?,
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
        let patience = self.0.response_timeout;
        let (sender, heard) = mpsc::channel(HEARD);
        let is_overrun = Arc::new(AtomicBool::new(false));
        let overrun = Arc::clone(&is_overrun);
        let take = move |push: PushInfo| {
            let Some(next) = heard_in(push) else {
                return Ok(());
            };
            let taken = sender.try_send(next);
            if taken.is_err() {
                overrun.store(true, Ordering::Release);
            }
            taken
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience))
            .set_push_sender(take);
        let begin = async {
            let mut connection = self
                .0
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            connection.subscribe(&self.0.name).await?;
            Ok(connection)
        };
        let connection = timeout(patience * 3, begin)
            .await
            .map_err(|_| Error::unavailable(&"no subscription in time"))?
            .map_err(|error: redis::RedisError| Error::unavailable(&error))?;
        Ok(Subscription {
            connection,
            heard,
            is_overrun,
            patience,
        })
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
            if self.is_overrun.load(Ordering::Acquire) {
                return Err(Error::unavailable(&"changes came faster than they were taken"));
            }
            match timeout(SILENCE, self.heard.recv()).await {
                Ok(Some(Heard::Message(message))) => {
                    let change = serde_json::from_slice(&message);
                    return Ok(change
                        .inspect_err(|error| tracing::debug!(%error, "a change that was told cannot be read"))
                        .ok());
                }
                Ok(Some(Heard::End) | None) => return Err(Error::unavailable(&"the subscription has ended")),
                Err(_) => self.check().await?,
            }
        }
    }

    async fn check(&mut self) -> Result<(), Error> {
        let ping = redis::cmd("PING");
        match timeout(self.patience, ping.query_async::<String>(&mut self.connection)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::unavailable(&error)),
            Err(_) => Err(Error::unavailable(&"the subscription does not answer")),
        }
    }
}

fn heard_in(push: PushInfo) -> Option<Heard> {
    match (push.kind, push.data.into_iter().nth(1)) {
        (PushKind::Message, Some(Value::BulkString(message))) => Some(Heard::Message(message)),
        (PushKind::Disconnection, _) => Some(Heard::End),
        _ => None,
    }
}
