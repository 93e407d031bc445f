//! Who watches what in this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use domain::{AccountId, Change, ChangeEvent, ProductId};
use storage_postgres::FoundChange;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    audience::{Audience, TOO_SLOW, Watcher},
    missed::named,
    registry::{Account, Known, ProductKey, Registry, Topic},
};

/// Streams that are open.
const STREAMS: &str = "live_streams";
/// Streams that were refused.
const REFUSED: &str = "live_streams_refused_total";

/// Changes that wait for one stream of a product; beyond that it is ended.
const PRODUCT_BUFFER: usize = 32;
/// The same of an account.
const ACCOUNT_BUFFER: usize = 1_024;
/// Everybody who watches.
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    limit: usize,
    registry: Mutex<Registry>,
}

/// Why nobody else can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no place.
    Full,
    /// The process is about to end.
    Closed,
}

/// What one stream is told, until it is dropped.
pub(super) struct Watch {
    /// Ends where the stream is to end.
    pub(super) changes: mpsc::Receiver<Arc<Change>>,
    id: u64,
    topic: Topic,
    watchers: Arc<Watchers>,
    /// Kept for as long as the stream's connection is, even where nothing is told on it any more.
    _place: OwnedSemaphorePermit,
}

impl Watchers {
    /// Nobody, and room for `limit`.
    pub(super) fn new(limit: usize) -> Self {
        metrics::gauge!(STREAMS).set(0);
        metrics::counter!(REFUSED).increment(0);
        metrics::counter!(TOO_SLOW).increment(0);
        Self {
            places: Arc::new(Semaphore::new(limit)),
            limit,
            registry: Mutex::default(),
        }
    }

    /// Begins to watch a product, whether or not there is one.
    pub(super) fn watch_product(
        self: &Arc<Self>,
        account: AccountId,
        id: ProductId,
    ) -> Result<Watch, Refused> {
        self.watch(Topic::Product((account, id)), PRODUCT_BUFFER)
    }

    /// Begins to watch all products of an account.
    pub(super) fn watch_account(self: &Arc<Self>, account: AccountId) -> Result<Watch, Refused> {
        self.watch(Topic::Account(account), ACCOUNT_BUFFER)
    }

    fn watch(self: &Arc<Self>, topic: Topic, buffer: usize) -> Result<Watch, Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            metrics::counter!(REFUSED).increment(1);
            tracing::debug!(limit = self.limit, "more streams than server.max_streams");
            Refused::Full
        })?;
        let (sender, changes) = mpsc::channel(buffer);
        let mut registry = self.registry();
        if registry.is_closed {
            return Err(Refused::Closed);
        }
        registry.last_id += 1;
        let id = registry.last_id;
        registry.audience(topic).join(Watcher { id, sender });
        drop(registry);
        self.count();
        Ok(Watch {
            changes,
            id,
            topic,
            watchers: Arc::clone(self),
            _place: place,
        })
    }

    /// Tells everybody whom it concerns of a change.
    pub(super) fn tell(&self, change: Change) {
        let change = Arc::new(change);
        let mut registry = self.registry();
        registry.tell_product(&change);
        registry.tell_account(&change);
        drop(registry);
        self.count();
    }

    /// The products that are watched.
    pub(super) fn products(&self) -> Vec<ProductKey> {
        self.registry().products.keys().copied().collect()
    }

    /// The accounts that are watched, and what is known of them.
    pub(super) fn accounts(&self) -> Vec<(AccountId, Known)> {
        let registry = self.registry();
        let accounts = registry.accounts.iter();
        accounts
            .filter_map(|(id, account)| Some((*id, account.known?)))
            .collect()
    }

    /// A product was found at this version, or not found. Who watches it is told where that is news.
    pub(super) fn found(&self, key: ProductKey, version: Option<i64>) {
        let (account, id) = key;
        let mut registry = self.registry();
        let Some(known) = registry.products.get(&key).map(|product| product.version) else {
            return;
        };
        let (event, version) = match version {
            Some(version) if version > known => (ChangeEvent::ProductUpdated, version),
            Some(_) => return,
            None => (ChangeEvent::ProductDeleted, known + 1),
        };
        registry.tell_product(&Arc::new(Change::of_product(event, account, id, version)));
        drop(registry);
        self.count();
    }

    /// The last change of a product was found. Who watches its account is told where that is news.
    pub(super) fn found_in_account(&self, found: FoundChange) {
        let mut registry = self.registry();
        let Some(account) = registry.accounts.get(&found.change.account_id) else {
            return;
        };
        let told = account.recent.newest(found.change.product_id);
        if told.is_some_and(|told| told >= found.change.version) {
            return;
        }
        let change = named(found, account.known.map(|known| known.to));
        registry.tell_account(&Arc::new(change));
        drop(registry);
        self.count();
    }

    /// Everything was found that an account's rows told at this time of their clock.
    pub(super) fn looked_at(&self, account: AccountId, time: DateTime<Utc>) {
        if let Some(account) = self.registry().accounts.get_mut(&account)
            && let Some(known) = &mut account.known
        {
            known.to = known.to.max(time);
        }
    }

    /// Ends every stream, and lets none begin.
    pub(super) fn close(&self) {
        let mut registry = self.registry();
        registry.is_closed = true;
        registry.products.clear();
        registry.accounts.clear();
        drop(registry);
        self.count();
    }

    /// Each stream holds a place for as long as it is told anything.
    fn count(&self) {
        let open = self.limit - self.places.available_permits().min(self.limit);
        metrics::gauge!(STREAMS).set(open as f64);
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The stream begins with this version of its product.
    pub(super) fn knows(&self, version: i64) {
        if let Topic::Product(key) = self.topic
            && let Some(product) = self.watchers.registry().products.get_mut(&key)
        {
            product.version = product.version.max(version);
        }
    }

    /// True while no stream of the account has begun.
    pub(super) fn is_first(&self) -> bool {
        self.with_account(|account| account.known.is_none())
            .unwrap_or(false)
    }

    /// These changes were there before the stream of an account began, and are nobody's news.
    pub(super) fn knows_all(&self, changes: &[Change]) {
        self.with_account(|account| {
            // Once a stream has begun, what comes is news to it.
            if account.known.is_some() {
                return;
            }
            for change in changes {
                account.recent.note(change.product_id, change.version);
            }
        });
    }

    /// The first stream of an account begins at `to`, a time of the rows' clock. What is of `from` or later and not known
    /// is news.
    pub(super) fn begins_at(&self, from: DateTime<Utc>, to: DateTime<Utc>) {
        self.with_account(|account| {
            account.known.get_or_insert(Known { from, to });
        });
    }

    fn with_account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let Topic::Account(account) = self.topic else {
            return None;
        };
        self.watchers.registry().accounts.get_mut(&account).map(act)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut registry = self.watchers.registry();
        let is_left = |audience: &mut Audience| {
            audience.leave(self.id);
            audience.is_empty()
        };
        match self.topic {
            Topic::Product(key) => {
                if registry
                    .products
                    .get_mut(&key)
                    .is_some_and(|product| is_left(&mut product.audience))
                {
                    registry.products.remove(&key);
                }
            }
            Topic::Account(id) => {
                if registry
                    .accounts
                    .get_mut(&id)
                    .is_some_and(|account| is_left(&mut account.audience))
                {
                    registry.accounts.remove(&id);
                }
            }
        }
        drop(registry);
        self.watchers.count();
    }
}
