//! Telling those who watch of changes as they are committed, whichever process they came through.
//!
//! Every process hears all changes through one subscription to Redis (`hearing`) and hands them on to the streams that
//! watch the product (`watchers`). What is not heard is found in the rows. `stream` makes what a caller receives.

mod hearing;
mod seen;
mod stream;
mod watchers;

use std::{sync::Arc, time::Duration};

use domain::{AccountId, ApiKeyId, ProductId};
use storage_postgres::{Database, StorageError, product_version};
use storage_redis::LiveChannel;
use tokio::sync::Notify;

pub use self::hearing::Hearing;
pub use self::stream::EventStream;
use self::{
    stream::Start,
    watchers::{Refused, Watchers},
};
use crate::access::Access;

/// How streams behave.
#[derive(Clone, Copy, Debug)]
pub struct LiveConfig {
    /// Streams at a time in this process.
    pub max_streams: usize,
    /// The longest silence of a stream.
    pub heartbeat: Duration,
}

/// Where streams are opened. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    database: Database,
    access: Access,
    watchers: Arc<Watchers>,
    /// Asks for a look at the rows.
    look: Arc<Notify>,
    heartbeat: Duration,
}

/// Why a stream is not opened.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// As many are open as may be.
    #[error("there are too many streams")]
    TooMany,
    /// The process is about to end.
    #[error("the process is stopping")]
    Stopping,
    /// There is no such product in the account.
    #[error("there is no such product")]
    NotFound,
    /// The database did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Live {
    /// Nobody watches yet, and nothing is heard before [`Hearing::run`].
    pub fn new(
        database: Database,
        channel: LiveChannel,
        access: Access,
        config: LiveConfig,
    ) -> (Self, Hearing) {
        let (watchers, look) = (
            Arc::new(Watchers::new(config.max_streams)),
            Arc::new(Notify::new()),
        );
        let hearing = Hearing::new(
            database.clone(),
            channel,
            Arc::clone(&watchers),
            Arc::clone(&look),
        );
        let live = Self {
            database,
            access,
            watchers,
            look,
            heartbeat: config.heartbeat,
        };
        (live, hearing)
    }

    /// Something may have been missed: the rows are looked at soon.
    pub fn doubt(&self) {
        self.look.notify_one();
    }

    /// Opens a stream of one product's changes, for as long as `key` is good.
    ///
    /// It begins with the state that the product is in, unless that is `known`, the version that the caller has.
    ///
    /// # Errors
    /// See [`LiveError`].
    pub async fn watch_product(
        &self,
        account: AccountId,
        id: ProductId,
        known: Option<i64>,
        key: Option<ApiKeyId>,
    ) -> Result<EventStream, LiveError> {
        // In this order: what is committed after the row is read, is heard.
        let watch = self.watchers.watch_product(account, id)?;
        let version = product_version(&self.database, account, id)
            .await?
            .ok_or(LiveError::NotFound)?;
        watch.knows(version);
        let start = Start { version, known };
        Ok(EventStream::of_product(
            watch,
            (account, id),
            start,
            self.access.clone(),
            key,
            self.heartbeat,
        ))
    }
}

impl From<Refused> for LiveError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::TooMany,
            Refused::Closed => Self::Stopping,
        }
    }
}
