//! Being woken when the outbox has something to publish.

use std::pin::pin;

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::{
    config::{DatabaseConfig, Purpose},
    error::StorageError,
};

/// A connection of its own, on which PostgreSQL tells of every commit that wrote to the outbox.
///
/// A listener hears nothing of what was committed before it was connected: look into the outbox after connecting, and
/// once in a while besides, since a server that has gone silent tells nothing either.
pub struct OutboxListener {
    connection: AsyncPgConnection,
}

impl OutboxListener {
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
            connection.batch_execute("LISTEN outbox").await?;
            Ok(Self { connection })
        };
        tokio::time::timeout(config.connect_timeout, connect)
            .await
            .unwrap_or_else(|elapsed| Err(StorageError::Unavailable(elapsed.into())))
    }

    /// Waits until something was written; whatever was written meanwhile is one awakening. It may be dropped at any
    /// time without missing one.
    ///
    /// # Errors
    /// The connection is lost: connect anew.
    pub async fn wait(&mut self) -> Result<(), StorageError> {
        let mut notifications = pin!(self.connection.notifications_stream());
        let mut next = notifications.next().await;
        loop {
            match next {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(StorageError::Unavailable(error.into())),
                None => return Err(StorageError::Unavailable("the connection was closed".into())),
            }
            match notifications.next().now_or_never() {
                Some(another) => next = another,
                None => return Ok(()),
            }
        }
    }
}

impl std::fmt::Debug for OutboxListener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OutboxListener").finish_non_exhaustive()
    }
}
