//! How many downloads from one host are under way: a shop's pictures often lie on one small machine.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The longest wait for a turn. RabbitMQ takes a message back from a consumer that keeps it for half an hour, and with
/// this a job may wait here, at the bucket and at the broker in turn.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// Turns at hosts, first come, first served. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    per_host: usize,
    /// Hosts at which somebody is, or waits.
    queues: Arc<Mutex<HashMap<String, Queue>>>,
}

/// Those at one host.
#[derive(Debug)]
struct Queue {
    places: Arc<Semaphore>,
    /// How many wait or download.
    present: usize,
}

/// A place in the queue of a host, and from its turn on a download. It ends with this value.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    host: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// At most `per_host` at a time for each host.
    pub(super) fn new(per_host: usize) -> Self {
        Self {
            per_host,
            queues: Arc::default(),
        }
    }

    /// Waits up to five minutes for a turn at `host`; others are not waited for. Whoever gives up waiting leaves the
    /// queue. None where the wait is over.
    pub(super) async fn take(&self, host: String) -> Option<Turn> {
        let places = self.join(&host);
        let mut turn = Turn {
            turns: self.clone(),
            host,
            permit: None,
        };
        // Nobody closes the places.
        turn.permit = timeout(WAIT_MAX, places.acquire_owned()).await.ok()?.ok();
        Some(turn)
    }

    fn join(&self, host: &str) -> Arc<Semaphore> {
        let mut queues = self.queues();
        let queue = queues.entry(host.to_owned()).or_insert_with(|| Queue {
            places: Arc::new(Semaphore::new(self.per_host)),
            present: 0,
        });
        queue.present += 1;
        Arc::clone(&queue.places)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = self.turns.queues();
        drop(self.permit.take());
        if let Some(queue) = queues.get_mut(&self.host) {
            queue.present -= 1;
            if queue.present == 0 {
                queues.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, future::join_all};

    use super::*;

    #[tokio::test]
    async fn turns_come_in_the_order_of_asking_and_hosts_do_not_wait_for_each_other() {
        let turns = Turns::new(1);
        let first = turns.take("a:80".to_owned()).await.unwrap();
        let mut second = Box::pin(turns.take("a:80".to_owned()));
        let mut third = Box::pin(turns.take("a:80".to_owned()));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(turns.take("a:81".to_owned()).now_or_never().is_some());
        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "it came last");
        let second = second.await;
        drop(second);
        assert!(third.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_five_minutes() {
        let turns = Turns::new(1);
        let _endless = turns.take("a:80".to_owned()).await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(turns.take("a:80".to_owned()).await.is_none());
        assert_eq!(began.elapsed().as_secs(), 300);
        assert_eq!(turns.queues()["a:80"].present, 1);
    }

    #[tokio::test]
    async fn a_host_is_forgotten_once_nobody_is_there() {
        let turns = Turns::new(2);
        let taken = join_all(["a:80", "a:80", "b:80"].map(|host| turns.take(host.to_owned()))).await;
        let mut impatient = Box::pin(turns.take("a:80".to_owned()));
        assert!(impatient.as_mut().now_or_never().is_none());
        assert_eq!(turns.queues().len(), 2);
        drop(taken);
        // The turn is the impatient one's by now, whether it takes it or not.
        drop(impatient);
        assert_eq!(turns.queues().len(), 0);
    }
}
