//! Hearing of changes: through Redis, and from the rows where Redis does not tell.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{AccountId, ProductId};
use storage_postgres::{
    ChangePosition, Database, StorageError, account_changes, database_time, product_versions,
};
use storage_redis::{Error, LiveChannel};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{missed::overlap, watchers::Watchers};
use crate::troubles::Troubles;

/// Whether changes are heard through Redis: 1, or 0 while they are found in the rows.
const HEARING: &str = "live_hearing";

/// From one look at the rows to the next while nothing is heard.
const DEAF_INTERVAL: Duration = Duration::from_secs(2);
/// From one look to the next while changes are heard: for those that nobody told, as a process that ended right after the
/// commit, or one of an earlier release.
const HEARING_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest pause between two looks, however often they are asked for.
const BREATH: Duration = Duration::from_millis(250);
/// The longest pause after a failed attempt to listen, or to look.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Products, or accounts, that are looked at in one question.
const PAGE: usize = 1_000;
/// Changes of one account that are read together.
const CHANGES: u16 = 500;

/// Hears of changes and passes them on to those who watch.
pub struct Hearing {
    database: Database,
    channel: LiveChannel,
    watchers: Arc<Watchers>,
    look: Arc<Notify>,
    is_hearing: AtomicBool,
}

impl Hearing {
    pub(super) fn new(
        database: Database,
        channel: LiveChannel,
        watchers: Arc<Watchers>,
        look: Arc<Notify>,
    ) -> Self {
        metrics::gauge!(HEARING).set(0);
        Self {
            database,
            channel,
            watchers,
            look,
            is_hearing: AtomicBool::new(false),
        }
    }

    /// Runs until `stop`, and then ends every stream at once.
    pub async fn run(self, stop: CancellationToken) {
        let hear = async { tokio::join!(self.listen(), self.look_on()) };
        stop.run_until_cancelled(hear).await;
        self.watchers.close();
    }

    /// Listens, and again and again after each loss.
    async fn listen(&self) {
        let mut troubles = Troubles::new("live events through Redis", LONGEST_PAUSE);
        loop {
            let error = self.hear(&mut troubles).await;
            // At once, since something may have been lost with the connection.
            self.hears(false);
            sleep(troubles.next(&error.to_string())).await;
        }
    }

    /// Passes on what is told until nothing is to be heard any more.
    async fn hear(&self, troubles: &mut Troubles) -> Error {
        let mut subscription = match self.channel.subscribe().await {
            Ok(subscription) => subscription,
            Err(error) => return error,
        };
        troubles.end();
        // What was told before is not heard, so the rows are looked at once.
        self.hears(true);
        loop {
            match subscription.next().await {
                Ok(Some(change)) => self.watchers.tell(change),
                Ok(None) => self.look.notify_one(),
                Err(error) => return error,
            }
        }
    }

    fn hears(&self, is_hearing: bool) {
        if self.is_hearing.swap(is_hearing, Ordering::AcqRel) != is_hearing {
            metrics::gauge!(HEARING).set(u8::from(is_hearing));
            self.look.notify_one();
        }
    }

    /// Looks at the rows: whenever that is asked for, and by itself, often while nothing is heard.
    async fn look_on(&self) {
        let mut troubles = Troubles::new("live events from the rows", LONGEST_PAUSE);
        loop {
            let interval = if self.is_hearing.load(Ordering::Acquire) {
                HEARING_INTERVAL
            } else {
                DEAF_INTERVAL
            };
            // It is all the same which of the two it was.
            let _ = timeout(interval, self.look.notified()).await;
            match self.look_at_rows().await {
                Ok(()) => {
                    troubles.end();
                    sleep(BREATH).await;
                }
                Err(error) => {
                    self.look.notify_one();
                    sleep(troubles.next(&error.to_string())).await;
                }
            }
        }
    }

    async fn look_at_rows(&self) -> Result<(), StorageError> {
        self.look_at_products().await?;
        self.look_at_accounts().await
    }

    async fn look_at_products(&self) -> Result<(), StorageError> {
        for page in self.watchers.products().chunks(PAGE) {
            let ids: Vec<ProductId> = page.iter().map(|(_, id)| *id).collect();
            let found = product_versions(&self.database, &ids).await?;
            let versions: HashMap<_, _> = found
                .into_iter()
                .map(|(account, id, version)| ((account, id), version))
                .collect();
            for key in page {
                self.watchers.found(*key, versions.get(key).copied());
            }
        }
        Ok(())
    }

    async fn look_at_accounts(&self) -> Result<(), StorageError> {
        let accounts = self.watchers.accounts();
        if accounts.is_empty() {
            return Ok(());
        }
        let now = database_time(&self.database).await?;
        let overlap = overlap(&self.database);
        for page in accounts.chunks(PAGE) {
            let mut left: HashMap<AccountId, ChangePosition> = page
                .iter()
                .map(|(account, known)| {
                    let after = known.from.max(known.to.min(now) - overlap);
                    (*account, ChangePosition::at(after))
                })
                .collect();
            while !left.is_empty() {
                let watched: Vec<_> = left.drain().collect();
                let mut counts: HashMap<AccountId, u16> = HashMap::new();
                for found in account_changes(&self.database, &watched, CHANGES).await? {
                    let account = found.change.account_id;
                    let count = counts.entry(account).or_default();
                    *count += 1;
                    if *count == CHANGES {
                        left.insert(account, found.position);
                    }
                    self.watchers.found_in_account(found);
                }
            }
            for (account, _) in page {
                self.watchers.looked_at(*account, now);
            }
        }
        Ok(())
    }
}
