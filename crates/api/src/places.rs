//! Places for work that holds much and can take long, shared among accounts: nobody gets all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many of one account may wait for a place at a time; each is a request under way, of which a process has so many.
const LINE: usize = 64;

/// Places in one process.
#[derive(Clone, Debug)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Arc<Semaphore>,
    total: usize,
    /// Of one account at a time.
    share: usize,
    /// The shares of those who hold something, or wait for it.
    shares: Mutex<HashMap<AccountId, Arc<Share>>>,
}

/// What one account may have.
#[derive(Debug)]
struct Share {
    places: Arc<Semaphore>,
    /// Of those who wait for one.
    line: Semaphore,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
    /// Remembered for as long as something of it is held.
    _share: Arc<Share>,
}

/// Whose places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of the process.
    All,
    /// As many as one account may have.
    Share,
}

impl Places {
    /// `total` places, for one account after the other to take as many as it likes.
    pub fn for_one(total: usize) -> Self {
        Self::new(total, total)
    }

    /// `total` places, of which no account gets more than three quarters where there are more than one.
    pub fn for_many(total: usize) -> Self {
        Self::new(total, (total * 3 / 4).max(1))
    }

    fn new(total: usize, share: usize) -> Self {
        Self(Arc::new(Inner {
            all: Arc::new(Semaphore::new(total)),
            total,
            share,
            shares: Mutex::default(),
        }))
    }

    /// A place for an account, as soon as one is free.
    ///
    /// # Errors
    /// [`Taken::Share`] where as many of the account wait as may.
    pub async fn wait(&self, account: AccountId) -> Result<Place, Taken> {
        let share = self.share_of(account);
        let waiting = share.line.try_acquire().map_err(|_| Taken::Share)?;
        // In this order: who waits for a share of their own must hold nothing that others wait for.
        let of_share = Arc::clone(&share.places).acquire_owned().await;
        let of_share = of_share.map_err(|_| Taken::Share)?;
        let of_all = Arc::clone(&self.0.all).acquire_owned().await;
        let of_all = of_all.map_err(|_| Taken::All)?;
        drop(waiting);
        Ok(Place {
            _of_all: of_all,
            _of_share: of_share,
            _share: share,
        })
    }

    /// A place for an account, where one is free now.
    ///
    /// # Errors
    /// Whose places are taken.
    pub fn enter(&self, account: AccountId) -> Result<Place, Taken> {
        let share = self.share_of(account);
        let of_share = Arc::clone(&share.places).try_acquire_owned();
        let of_share = of_share.map_err(|_| Taken::Share)?;
        let of_all = Arc::clone(&self.0.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| Taken::All)?;
        Ok(Place {
            _of_all: of_all,
            _of_share: of_share,
            _share: share,
        })
    }

    fn share_of(&self, account: AccountId) -> Arc<Share> {
        let mut shares = self.0.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds a place of a share, or waits for one, holds the share itself.
        if shares.len() > self.0.total {
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = shares.entry(account).or_insert_with(|| {
            Arc::new(Share {
                places: Arc::new(Semaphore::new(self.0.share)),
                line: Semaphore::new(LINE),
            })
        });
        Arc::clone(share)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn accounts<const N: usize>() -> [AccountId; N] {
        std::array::from_fn(|_| AccountId::generate())
    }

    #[test]
    fn no_account_takes_all_places_and_all_accounts_can() {
        let places = Places::for_many(8);
        let [one, other] = accounts();
        let held: Vec<_> = std::iter::from_fn(|| places.enter(one).ok()).collect();
        assert_eq!(held.len(), 6);
        assert_eq!(places.enter(one).unwrap_err(), Taken::Share);
        let of_other: Vec<_> = std::iter::from_fn(|| places.enter(other).ok()).collect();
        assert_eq!(of_other.len(), 2);
        assert_eq!(places.enter(other).unwrap_err(), Taken::All);
        drop(held);
        assert!(places.enter(other).is_ok());
    }

    #[test]
    fn of_few_places_there_is_one_for_everybody_and_one_account_alone_gets_all() {
        let [one, other] = accounts();
        let few = Places::for_many(1);
        let held = few.enter(one).unwrap();
        assert_eq!(few.enter(other).unwrap_err(), Taken::All);
        drop(held);
        assert!(few.enter(other).is_ok());
        let all = Places::for_one(16);
        let held: Vec<_> = std::iter::from_fn(|| all.enter(one).ok()).collect();
        assert_eq!(held.len(), 16);
    }

    #[tokio::test]
    async fn who_waits_for_an_own_share_keeps_nobody_waiting() {
        let places = Places::for_many(4);
        let [one, other] = accounts();
        let held: Vec<_> = std::iter::from_fn(|| places.enter(one).ok()).collect();
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.wait(one).await }
        });
        tokio::task::yield_now().await;
        let of_other = timeout(Duration::from_secs(5), places.wait(other)).await;
        assert!(of_other.unwrap().is_ok());
        drop(held);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[test]
    fn of_two_places_or_more_each_account_leaves_one() {
        for total in 2..40 {
            let places = Places::for_many(total);
            let [one, other] = accounts();
            let held: Vec<_> = std::iter::from_fn(|| places.enter(one).ok()).collect();
            assert!(!held.is_empty() && places.enter(other).is_ok(), "{total}");
        }
    }

    #[tokio::test]
    async fn no_more_of_an_account_wait_than_may() {
        let places = Places::for_many(2);
        let [one, other] = accounts();
        let _held = places.enter(one).unwrap();
        let mut waiting: Vec<_> = (0..LINE).map(|_| Box::pin(places.wait(one))).collect();
        for place in &mut waiting {
            assert!(futures_util::poll!(place).is_pending());
        }
        assert_eq!(places.wait(one).await.unwrap_err(), Taken::Share);
        assert!(places.wait(other).await.is_ok());
    }

    #[test]
    fn the_shares_of_those_who_hold_nothing_are_forgotten() {
        let places = Places::for_many(2);
        for account in accounts::<100>() {
            drop(places.enter(account));
        }
        assert!(places.0.shares.lock().unwrap().len() <= 3);
    }
}
