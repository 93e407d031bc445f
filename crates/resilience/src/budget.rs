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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{collection::vec, prelude::*};
    use tokio::time::advance;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Call,
        Retry,
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Call),
            4 => Just(Step::Retry),
            1 => (1_u64..5_000).prop_map(Step::Wait),
        ];
        vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn retries_never_exceed_their_share_and_the_floor(
            steps in steps(), share in 0.0_f64..1.0, floor in 0.0_f64..10.0,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let (calls, retries, seconds) = runtime.block_on(async {
                let budget = RetryBudget::new(share, floor);
                let (mut calls, mut retries, mut seconds) = (0.0, 0.0, 0.0);
                for step in steps {
                    match step {
                        Step::Call => {
                            budget.deposit();
                            calls += 1.0;
                        }
                        Step::Retry => retries += if budget.withdraw() { 1.0 } else { 0.0 },
                        Step::Wait(milliseconds) => {
                            let time = Duration::from_millis(milliseconds);
                            advance(time).await;
                            seconds += time.as_secs_f64();
                        }
                    }
                }
                (calls, retries, seconds)
            });
            let most = share * calls + floor * (seconds + 1.0) + 1e-6;
            prop_assert!(retries <= most, "{} retries, at most {}", retries, most);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_seldom_called_is_tried_again_at_all() {
        let budget = RetryBudget::default();
        for _ in 0..10 {
            budget.deposit();
            assert!(budget.withdraw());
            advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_good_time_saves_up_no_flood() {
        let budget = RetryBudget::default();
        for _ in 0..10_000 {
            budget.deposit();
        }
        let granted = (0..10_000).filter(|_| budget.withdraw()).count();
        assert_eq!(granted, 100);
    }
}
