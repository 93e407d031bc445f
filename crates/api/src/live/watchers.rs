//! Who watches what in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{AccountId, Change, ChangeEvent, ProductId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Streams that are open.
const STREAMS: &str = "live_streams";
/// Streams that were refused.
const REFUSED: &str = "live_streams_refused_total";
/// Streams that were ended because their reader was too slow.
const TOO_SLOW: &str = "live_streams_too_slow_total";

/// Changes that wait for one stream of a product; beyond that it is ended.
const PRODUCT_BUFFER: usize = 32;

/// A product, by its owner: who watches another's watches nothing.
pub(super) type ProductKey = (AccountId, ProductId);

/// Everybody who watches.
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    limit: usize,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    is_closed: bool,
    last_id: u64,
    products: HashMap<ProductKey, Watched>,
}

/// Something that is watched.
#[derive(Default)]
struct Watched {
    /// The newest version that is known here.
    version: i64,
    watchers: Vec<Watcher>,
}

struct Watcher {
    id: u64,
    sender: mpsc::Sender<Arc<Change>>,
    /// Free again as soon as nothing is told any more.
    _place: OwnedSemaphorePermit,
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
    key: ProductKey,
    watchers: Arc<Watchers>,
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
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            metrics::counter!(REFUSED).increment(1);
            tracing::debug!(limit = self.limit, "more streams than server.max_streams");
            Refused::Full
        })?;
        let key = (account, id);
        let (sender, changes) = mpsc::channel(PRODUCT_BUFFER);
        let mut registry = self.registry();
        if registry.is_closed {
            return Err(Refused::Closed);
        }
        registry.last_id += 1;
        let id = registry.last_id;
        registry.products.entry(key).or_default().watchers.push(Watcher {
            id,
            sender,
            _place: place,
        });
        metrics::gauge!(STREAMS).increment(1);
        Ok(Watch {
            changes,
            id,
            key,
            watchers: Arc::clone(self),
        })
    }

    /// Tells everybody whom it concerns of a change.
    pub(super) fn tell(&self, change: Change) {
        let key = (change.account_id, change.product_id);
        let mut registry = self.registry();
        let Some(watched) = registry.products.get_mut(&key) else {
            return;
        };
        watched.version = watched.version.max(change.version);
        let change = Arc::new(change);
        watched.watchers.retain(|watcher| {
            let told = watcher.sender.try_send(Arc::clone(&change));
            if let Err(mpsc::error::TrySendError::Full(_)) = told {
                metrics::counter!(TOO_SLOW).increment(1);
            }
            if told.is_err() {
                metrics::gauge!(STREAMS).decrement(1);
            }
            told.is_ok()
        });
        if watched.watchers.is_empty() {
            registry.products.remove(&key);
        }
    }

    /// The products that are watched.
    pub(super) fn products(&self) -> Vec<ProductKey> {
        self.registry().products.keys().copied().collect()
    }

    /// A product was found at this version, or not found. Its watchers are told where that is news.
    pub(super) fn found(&self, (account, id): ProductKey, version: Option<i64>) {
        let known = match self.registry().products.get(&(account, id)) {
            Some(watched) => watched.version,
            None => return,
        };
        let (event, version) = match version {
            Some(version) if version > known => (ChangeEvent::ProductUpdated, version),
            Some(_) => return,
            None => (ChangeEvent::ProductDeleted, known + 1),
        };
        self.tell(Change::of_product(event, account, id, version));
    }

    /// Ends every stream, and lets none begin.
    pub(super) fn close(&self) {
        let mut registry = self.registry();
        registry.is_closed = true;
        registry.products.clear();
        metrics::gauge!(STREAMS).set(0);
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The stream begins with this version.
    pub(super) fn knows(&self, version: i64) {
        if let Some(watched) = self.watchers.registry().products.get_mut(&self.key) {
            watched.version = watched.version.max(version);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut registry = self.watchers.registry();
        let Some(watched) = registry.products.get_mut(&self.key) else {
            return;
        };
        let before = watched.watchers.len();
        watched.watchers.retain(|watcher| watcher.id != self.id);
        if watched.watchers.len() < before {
            metrics::gauge!(STREAMS).decrement(1);
        }
        if watched.watchers.is_empty() {
            registry.products.remove(&self.key);
        }
    }
}
