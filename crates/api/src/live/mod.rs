//! Telling those who watch of changes as they are committed, whichever process they came through.
//!
//! Every process hears all changes through one subscription to Redis (`hearing`) and hands them on to the streams that
//! watch the product or its account (`watchers`). What is not heard is found in the rows. `stream` makes what a caller
//! receives.

mod audience;
mod event;
mod hearing;
mod missed;
mod recent;
mod registry;
mod seen;
mod stream;
mod watchers;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{AccountId, Change, ChangeEvent, ProductId};
use storage_postgres::{Database, StorageError, database_time, longest_transaction, product_version};
use storage_redis::LiveChannel;
use tokio::sync::Notify;

pub use self::hearing::Hearing;
pub use self::stream::EventStream;
use self::{
    event::{write_event, write_id},
    missed::Missed,
    registry::ACCOUNT_MEMORY,
    seen::Seen,
    stream::{Reader, Told},
    watchers::{Refused, Watch, Watchers},
};
use crate::access::{Access, Pass};

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

    /// Opens a stream of one product's changes, for as long as `pass` is good.
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
        pass: Pass,
    ) -> Result<EventStream, LiveError> {
        // In this order: what is committed after the row is read, is heard.
        let watch = self.watchers.watch_product(account, id)?;
        let version = product_version(&self.database, account, id)
            .await?
            .ok_or(LiveError::NotFound)?;
        watch.knows(version);
        let mut opening = String::new();
        let mut seen = Seen::up_to(version);
        if known != Some(version) {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, id, version);
            write_event(&mut opening, &change, Some(version));
            // What lies between may still be told, by its own name.
            if let Some(known) = known.filter(|known| *known < version) {
                seen = Seen::up_to(known);
                seen.note(version);
            }
        }
        let told = Told::Product(seen);
        Ok(EventStream::new(watch, told, None, &opening, self.reader(pass)))
    }

    /// Opens a stream of the changes of all products of an account, for as long as `pass` is good: those from now on, and
    /// before them those since `known`, the time that the last event named which the caller has.
    ///
    /// # Errors
    /// See [`LiveError`].
    pub async fn watch_account(
        &self,
        account: AccountId,
        known: Option<DateTime<Utc>>,
        pass: Pass,
    ) -> Result<EventStream, LiveError> {
        let watch = self.watchers.watch_account(account)?;
        let now = database_time(&self.database).await?;
        if watch.is_first() {
            let from = self.learn(&watch, account, now).await?;
            watch.begins_at(from, now);
        }
        let known = known.map(|known| known.min(now));
        let missed = known.map(|known| Missed::since(self.database.clone(), account, known));
        let mut opening = String::new();
        write_id(&mut opening, known.unwrap_or(now).timestamp_micros());
        let reader = self.reader(pass);
        Ok(EventStream::new(
            watch,
            Told::of_account(),
            missed,
            &opening,
            reader,
        ))
    }

    /// Learns what is there already of the time in which transactions may have begun that are not committed yet, so that
    /// these are found as news. That time's beginning; `now` where too much has changed since.
    async fn learn(
        &self,
        watch: &Watch,
        account: AccountId,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StorageError> {
        let from = now - longest_transaction(&self.database);
        let mut there = Missed::from(self.database.clone(), account, from);
        let mut count = 0;
        while let Some(page) = there.next().await? {
            count += page.len();
            if count > ACCOUNT_MEMORY {
                return Ok(now);
            }
            watch.knows_all(&page);
        }
        Ok(from)
    }

    fn reader(&self, pass: Pass) -> Reader {
        Reader {
            access: self.access.clone(),
            pass,
            heartbeat: self.heartbeat,
        }
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
