//! Products in this process's own memory: what Redis or PostgreSQL said, for as long as the process hears of every change.

mod lease;
mod listening;
mod log;
mod message;
mod waits;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::{AccountId, ProductId};
use moka::{Expiry, sync::Cache};

use self::{lease::Lease, log::Log};
pub(crate) use self::{
    listening::{Channels, Listener, listen},
    message::Told,
    waits::Waits,
};
use crate::ttl::jittered;

/// A product, by its owner.
pub(crate) type ProductKey = (AccountId, ProductId);

/// What an entry takes beside its body, about, in bytes.
const OVERHEAD: usize = 256;
/// After this part of its life an entry is read anew while it still answers.
const FRESH: f64 = 0.8;

/// What is known of a product.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// It is there.
    Product { version: i64, body: Bytes },
    /// There is no such product.
    NotFound,
}

/// Where a fill began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    term: u64,
    place: u64,
}

/// How long entries live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    pub(crate) product: Duration,
    pub(crate) jitter: Duration,
    pub(crate) not_found: Duration,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// An entry. Where it will end soon, the first to find it is asked to read it anew.
    Entry { entry: Entry, renew: bool },
    /// Nothing.
    Nothing,
    /// The process may not go by what it holds.
    Bypassed,
}

pub(crate) struct Near {
    entries: Cache<ProductKey, Kept>,
    log: Mutex<Log>,
    lease: Lease,
    /// Raised whenever something may have been missed, which makes all fills from before invalid.
    term: AtomicU64,
    lives: Lives,
}

#[derive(Clone)]
struct Kept {
    entry: Entry,
    /// [`Near::term`] when it was filled in; that of another is not answered.
    term: u64,
    life: Duration,
    renew_at: Instant,
}

impl Kept {
    fn version(&self) -> i64 {
        match self.entry {
            Entry::Product { version, .. } => version,
            Entry::NotFound => 0,
        }
    }
}

struct ItsOwnLife;

impl Expiry<ProductKey, Kept> for ItsOwnLife {
    fn expire_after_create(&self, _: &ProductKey, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &ProductKey,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}

impl Near {
    /// Holds up to `bytes`, and nothing may be answered from it yet.
    pub(crate) fn new(bytes: u64, lives: Lives) -> Self {
        let weight = |_: &ProductKey, kept: &Kept| {
            let body = match &kept.entry {
                Entry::Product { body, .. } => body.len(),
                Entry::NotFound => 0,
            };
            u32::try_from(body + OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            entries: Cache::builder()
                .max_capacity(bytes)
                .weigher(weight)
                .expire_after(ItsOwnLife)
                .build(),
            log: Mutex::default(),
            lease: Lease::new(),
            term: AtomicU64::new(0),
            lives,
        }
    }

    /// What is held of a product.
    pub(crate) fn get(&self, key: &ProductKey) -> Found {
        // In this order: what is found is true until after the look at the lease.
        let found = self.entries.get(key).filter(|kept| self.is_of_this_term(kept));
        if !self.lease.is_held() {
            return Found::Bypassed;
        }
        let Some(kept) = found else {
            return Found::Nothing;
        };
        let renew = Instant::now() >= kept.renew_at && self.is_first_to_renew(key, &kept);
        Found::Entry {
            entry: kept.entry,
            renew,
        }
    }

    /// Has nobody else asked to renew an entry.
    fn is_first_to_renew(&self, key: &ProductKey, kept: &Kept) -> bool {
        let _log = self.log();
        let held = self.entries.get(key);
        let is_first = held.is_some_and(|held| held.renew_at == kept.renew_at && self.is_of_this_term(&held));
        if is_first {
            let left = kept.life.mul_f64(1.0 - FRESH);
            let asked = Kept {
                renew_at: Instant::now() + kept.life,
                life: left,
                ..kept.clone()
            };
            self.entries.insert(*key, asked);
        }
        is_first
    }

    /// Where a fill begins that is to be read now.
    pub(crate) fn begin(&self) -> Begun {
        let log = self.log();
        Begun {
            term: self.term.load(Ordering::Acquire),
            place: log.place(),
        }
    }

    /// Keeps what was read after `begun`, unless something newer has been heard of since. True where it is now kept.
    pub(crate) fn put(&self, key: ProductKey, begun: Begun, entry: Entry) -> bool {
        let life = match entry {
            Entry::Product { .. } => jittered(self.lives.product, self.lives.jitter),
            Entry::NotFound => self.lives.not_found,
        };
        let kept = Kept {
            entry,
            term: begun.term,
            life,
            renew_at: Instant::now() + life.mul_f64(FRESH),
        };
        let log = self.log();
        let is_permitted = self.term.load(Ordering::Acquire) == begun.term
            && log.permits(begun.place, &key, kept.version())
            && self
                .entries
                .get(&key)
                .filter(|held| self.is_of_this_term(held))
                .is_none_or(|held| held.version() <= kept.version());
        if is_permitted {
            self.entries.insert(key, kept);
        }
        is_permitted
    }

    /// Forgets what is older than `floor`, and fills that began before.
    pub(crate) fn forget(&self, key: ProductKey, floor: i64) {
        let mut log = self.log();
        log.note(key, floor);
        if self.entries.get(&key).is_some_and(|held| held.version() < floor) {
            self.entries.invalidate(&key);
        }
    }

    /// Forgets everything, since something may have been missed. Nothing is answered until the lease is renewed.
    pub(crate) fn begin_anew(&self) {
        let _log = self.log();
        self.term.fetch_add(1, Ordering::AcqRel);
        self.lease.end();
        self.entries.invalidate_all();
    }

    /// Everything was heard that was told before `asked`.
    pub(crate) fn renew(&self, asked: Instant) {
        self.lease.renew(asked);
    }

    /// False for what a loss has made doubtful, which the map may show for a moment longer.
    fn is_of_this_term(&self, kept: &Kept) -> bool {
        kept.term == self.term.load(Ordering::Acquire)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near() -> Near {
        let near = Near::new(
            1 << 20,
            Lives {
                product: Duration::from_secs(60),
                jitter: Duration::ZERO,
                not_found: Duration::from_secs(60),
            },
        );
        near.renew(Instant::now());
        near
    }

    fn product(version: i64) -> Entry {
        Entry::Product {
            version,
            body: Bytes::new(),
        }
    }

    fn held(near: &Near, key: &ProductKey) -> Option<i64> {
        match near.get(key) {
            Found::Entry {
                entry: Entry::Product { version, .. },
                ..
            } => Some(version),
            _ => None,
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (near, key) = (near(), (AccountId::DEFAULT, ProductId::generate()));
        let begun = near.begin();
        near.forget(key, 2);
        assert!(!near.put(key, begun, product(1)) && !near.put(key, begun, Entry::NotFound));
        assert_eq!(held(&near, &key), None);
        assert!(near.put(key, begun, product(2)));
        assert!(!near.put(key, near.begin(), product(1)), "a newer one is there");
        near.forget(key, 2);
        assert_eq!(held(&near, &key), Some(2));
        near.forget(key, 3);
        assert_eq!(held(&near, &key), None);
    }

    #[test]
    fn nothing_from_before_a_loss_is_kept_or_answered_after_it() {
        let (near, key) = (near(), (AccountId::DEFAULT, ProductId::generate()));
        let begun = near.begin();
        assert!(near.put(key, begun, product(1)));
        near.begin_anew();
        assert!(matches!(near.get(&key), Found::Bypassed));
        near.renew(Instant::now());
        assert!(matches!(near.get(&key), Found::Nothing));
        assert!(!near.put(key, begun, product(1)));
    }
}
