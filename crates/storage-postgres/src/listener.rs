//! Being told by the database what concerns every process: that the outbox has something to publish, that a webhook has
//! something to deliver, that the cache missed a change, and that keys have changed.

use std::{pin::pin, time::Duration};

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::{
    config::{DatabaseConfig, Purpose},
    database::Database,
    error::StorageError,
    lease::bounded,
};

/// How long [`Listener::check`] waits for an answer.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

/// The channel of [`cache_doubt_announce`].
const CACHE_DOUBT: &str = "cache_doubt";
/// The channel of the triggers of the table `api_keys`.
const API_KEYS: &str = "api_keys";

/// The channel of the trigger on `webhook_deliveries`.
const WEBHOOKS: &str = "webhooks";

/// What was heard, once each however often it was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Something to publish was written to the outbox.
    pub outbox: bool,
    /// A webhook has something to deliver.
    pub webhooks: bool,
    /// Some process could not tell the cache of a change, see [`cache_doubt_announce`].
    pub cache_doubt: bool,
    /// A key was made, changed or removed.
    pub api_keys: bool,
}

/// Tells every process that listens that the cache has missed a change, which waits in the outbox.
///
/// # Errors
/// See [`StorageError`].
pub async fn cache_doubt_announce(database: &Database) -> Result<(), StorageError> {
    let lease = database.lease().await?;
    lease
        .run(async {
            let announcement = format!("NOTIFY {CACHE_DOUBT}");
            Ok(lease.connection().batch_execute(&announcement).await?)
        })
        .await
}

/// A connection of its own, on which PostgreSQL tells of every commit that wrote to the outbox, made something due for a
/// webhook or changed a key, and of every [`cache_doubt_announce`].
///
/// A listener hears nothing of what was committed before it was connected: look into the outbox after connecting, and
/// once in a while besides, since a server that has gone silent tells nothing either.
pub struct Listener {
    connection: AsyncPgConnection,
}

impl Listener {
    /// Connects and begins to listen.
    ///
    /// # Errors
    /// The database is away.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, StorageError> {
        let address = config.connection_string(Purpose::Service);
        let connect = async {
            let mut connection = AsyncPgConnection::establish(&address)
                .await
                .map_err(|error| StorageError::Unavailable(error.into()))?;
            let listen = format!("LISTEN outbox; LISTEN {WEBHOOKS}; LISTEN {CACHE_DOUBT}; LISTEN {API_KEYS}");
            connection.batch_execute(&listen).await?;
            Ok(Self { connection })
        };
        bounded(config.connect_timeout, connect).await
    }

    /// Waits until there is something to hear; whatever was said meanwhile is heard together. It may be dropped at any
    /// time without missing a thing.
    ///
    /// # Errors
    /// The connection is lost: connect anew.
    pub async fn wait(&mut self) -> Result<Heard, StorageError> {
        let mut heard = Heard::default();
        let mut notifications = pin!(self.connection.notifications_stream());
        let mut next = notifications.next().await;
        loop {
            match next {
                Some(Ok(notification)) => match notification.channel.as_str() {
                    CACHE_DOUBT => heard.cache_doubt = true,
                    API_KEYS => heard.api_keys = true,
                    WEBHOOKS => heard.webhooks = true,
                    _ => heard.outbox = true,
                },
                // What was heard counts; the next call meets the end.
                Some(Err(_)) | None if heard != Heard::default() => return Ok(heard),
                Some(Err(error)) => return Err(StorageError::Unavailable(error.into())),
                None => return Err(StorageError::Unavailable("the connection was closed".into())),
            }
            match notifications.next().now_or_never() {
                Some(another) => next = another,
                None => return Ok(heard),
            }
        }
    }
}

impl Listener {
    /// Asks the server for a sign of life on this connection: one that is dead may be so without a word.
    ///
    /// # Errors
    /// The connection is lost, or there is no answer within three seconds: connect anew.
    pub async fn check(&mut self) -> Result<(), StorageError> {
        bounded(CHECK_LIMIT, async {
            Ok(self.connection.batch_execute("SELECT 1").await?)
        })
        .await
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listener").finish_non_exhaustive()
    }
}
