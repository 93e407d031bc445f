//! The same work for many callers, done once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// The work that is under way, by its key. Cheap to clone.
#[derive(Debug)]
pub struct Flights<K, V>(Arc<Mutex<Open<K, V>>>);

#[derive(Debug)]
struct Open<K, V> {
    last: u64,
    flights: HashMap<K, Flight<V>>,
}

#[derive(Debug)]
struct Flight<V> {
    number: u64,
    landed: watch::Receiver<Option<V>>,
}

/// When somebody came. What has begun before that may show what was before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival(u64);

/// What a caller does.
#[derive(Debug)]
pub enum Boarding<K: Eq + Hash, V> {
    /// The work, for all who come until it is done.
    Lead(Lead<K, V>),
    /// Take what comes of work that has begun since the caller came.
    Join(Landing<V>),
    /// Wait for the end of work that had begun before, and look again.
    Wait(Landing<V>),
}

/// The leave to do the work. Where it is dropped without an end, another caller does the work.
#[derive(Debug)]
pub struct Lead<K: Eq + Hash, V> {
    key: K,
    number: u64,
    landed: watch::Sender<Option<V>>,
    open: Arc<Mutex<Open<K, V>>>,
}

/// The end of work that somebody else does.
#[derive(Debug)]
pub struct Landing<V>(watch::Receiver<Option<V>>);

impl<K, V> Clone for Flights<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Open {
            last: 0,
            flights: HashMap::new(),
        })))
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// Now.
    pub fn arrive(&self) -> Arrival {
        Arrival(lock(&self.0).last)
    }

    /// What a caller does who came at `arrival`.
    pub fn board(&self, key: &K, arrival: Arrival) -> Boarding<K, V> {
        let mut open = lock(&self.0);
        if let Some(flight) = open.flights.get(key) {
            let landing = Landing(flight.landed.clone());
            return match Arrival(flight.number) > arrival {
                true => Boarding::Join(landing),
                false => Boarding::Wait(landing),
            };
        }
        open.last += 1;
        let number = open.last;
        let (sender, landed) = watch::channel(None);
        open.flights.insert(key.clone(), Flight { number, landed });
        Boarding::Lead(Lead {
            key: key.clone(),
            number,
            landed: sender,
            open: Arc::clone(&self.0),
        })
    }
}

impl<K: Eq + Hash, V> Lead<K, V> {
    /// Gives everybody who has joined what has come of the work.
    pub fn land(self, value: V) {
        // Before the value is there, nobody else may join.
        self.close();
        self.landed.send_replace(Some(value));
    }

    fn close(&self) {
        let mut open = lock(&self.open);
        if open
            .flights
            .get(&self.key)
            .is_some_and(|flight| flight.number == self.number)
        {
            open.flights.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, V> Drop for Lead<K, V> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<V: Clone> Landing<V> {
    /// What has come of the work; none where it was given up.
    pub async fn landed(mut self) -> Option<V> {
        let landed = self.0.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

fn lock<K, V>(open: &Mutex<Open<K, V>>) -> MutexGuard<'_, Open<K, V>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seats = Flights<&'static str, u32>;

    fn lead(flights: &Seats, arrival: Arrival) -> Lead<&'static str, u32> {
        match flights.board(&"mug", arrival) {
            Boarding::Lead(lead) => lead,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn who_came_before_the_work_began_shares_it_and_who_came_after_waits() {
        let flights = Seats::default();
        let (first, second) = (flights.arrive(), flights.arrive());
        let flight = lead(&flights, first);
        let late = flights.arrive();
        let Boarding::Join(joined) = flights.board(&"mug", second) else {
            panic!("it began after the second came");
        };
        let Boarding::Wait(waiting) = flights.board(&"mug", late) else {
            panic!("it began before the third came");
        };
        assert!(matches!(flights.board(&"jug", late), Boarding::Lead(_)));
        flight.land(7);
        assert_eq!(
            (joined.landed().await, waiting.landed().await),
            (Some(7), Some(7))
        );
        lead(&flights, late).land(8);
        assert!(lock(&flights.0).flights.is_empty());
    }

    #[tokio::test]
    async fn work_that_is_given_up_is_done_by_another() {
        let flights = Seats::default();
        let (first, second) = (flights.arrive(), flights.arrive());
        let flight = lead(&flights, first);
        let Boarding::Join(joined) = flights.board(&"mug", second) else {
            panic!("it is under way");
        };
        drop(flight);
        assert_eq!(joined.landed().await, None);
        lead(&flights, second).land(9);
    }
}
