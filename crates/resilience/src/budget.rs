//! A budget that keeps retries from multiplying an outage.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Retries that may be saved up at most while all goes well.
const SAVED_AT_MOST: f64 = 100.0;

/// Retries are paid for by calls: so many a call, and a few a second besides, so that a part that is seldom called is
/// tried again at all.
#[derive(Debug)]
pub struct RetryBudget {
    share: f64,
    floor: f64,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    balance: f64,
    since: Instant,
}

impl RetryBudget {
    /// `share` retries for each call, such as 0.2, and `floor` a second, both zero or more. Over any time there are
    /// at most `share` × calls + `floor` × (seconds + 1) retries, and what was saved before, at most 100.
    pub fn new(share: f64, floor: f64) -> Self {
        Self {
            share,
            floor,
            account: Mutex::new(Account {
                balance: floor,
                since: Instant::now(),
            }),
        }
    }

    /// A call is made that is no retry.
    pub fn deposit(&self) {
        self.with(|account| {
            account.balance = (account.balance + self.share).min(SAVED_AT_MOST.max(self.floor));
        });
    }

    /// Takes leave for one retry. False where there is none left: then the failure stands.
    pub fn withdraw(&self) -> bool {
        self.with(|account| {
            let granted = account.balance >= 1.0;
            if granted {
                account.balance -= 1.0;
            }
            granted
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let seconds = now.saturating_duration_since(account.since).as_secs_f64();
        account.since = now;
        // Only calls save up more than a second's worth.
        if account.balance < self.floor {
            account.balance = (account.balance + seconds * self.floor).min(self.floor);
        }
        act(&mut account)
    }
}

impl Default for RetryBudget {
    /// A fifth of the calls, and two a second.
    fn default() -> Self {
        Self::new(0.2, 2.0)
    }
}
