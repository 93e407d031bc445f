//! Waiting until every process has heard of a change.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::lease::LEASE;

/// What is allowed for the other clocks, and for what is under way at the end of a lease.
const MARGIN: Duration = Duration::from_millis(50);

/// The changes whose callers wait.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    waits: HashMap<u64, watch::Sender<u32>>,
}

/// A change that was told, or is about to be. Others call it by its number.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    pub(crate) number: u64,
    heard: watch::Receiver<u32>,
    waits: &'a Waits,
}

impl Waits {
    /// Begins to count who has heard of a change; numbers begin at 1.
    pub(crate) fn begin(&self) -> Wait<'_> {
        let (sender, heard) = watch::channel(0);
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        open.waits.insert(number, sender);
        drop(open);
        Wait {
            number,
            heard,
            waits: self,
        }
    }

    /// A process has heard of these changes.
    pub(crate) fn heard(&self, numbers: impl IntoIterator<Item = u64>) {
        let open = self.open();
        for number in numbers {
            // Who waited for it may have given up.
            if let Some(wait) = open.waits.get(&number) {
                wait.send_modify(|count| *count += 1);
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait<'_> {
    /// Waits until `listeners` have heard, or may no longer go by what they hold. To be called once Redis has said how
    /// many there are. False where it came to the latter.
    pub(crate) async fn until_heard(mut self, listeners: u32) -> bool {
        let all = self.heard.wait_for(|heard| *heard >= listeners);
        timeout(LEASE + MARGIN, all).await.is_ok()
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.waits.open().waits.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_change_waits_for_all_who_listen_whoever_is_first() {
        let waits = Waits::default();
        assert!(waits.begin().until_heard(0).await);
        let wait = waits.begin();
        // One has heard of it before it is known how many there are.
        waits.heard([wait.number, 77]);
        let number = wait.number;
        let (all, ()) = tokio::join!(wait.until_heard(2), async { waits.heard([number]) });
        assert!(all);
        assert!(waits.open().waits.is_empty());
    }

    #[tokio::test]
    async fn a_change_waits_no_longer_than_a_lease_for_one_who_says_nothing() {
        let (waits, begun) = (Waits::default(), Instant::now());
        assert!(!waits.begin().until_heard(1).await);
        assert!(begun.elapsed() >= LEASE);
        assert!(waits.open().waits.is_empty());
    }
}
