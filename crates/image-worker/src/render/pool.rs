//! A bounded number of threads for work that keeps a core busy.

use std::{any::Any, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Why work gave no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// No place became free in time: all are held by work that overran.
    #[error("every place is taken by work that does not end")]
    Busy,
    /// The work is not done in time. Nothing can stop a thread, so it keeps its place until it ends.
    #[error("the work is not done in time")]
    Overran,
    /// The work panicked.
    #[error("the work panicked: {0}")]
    Panicked(String),
}

/// Places for work off the async threads; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    deadline: Duration,
}

impl Pool {
    /// A pool of so many places, in which a piece of work may take until `deadline`, and wait as long for its place.
    pub(super) fn new(places: usize, deadline: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            deadline,
        }
    }

    /// Does `work` on a thread of its own, as soon as there is a place for it.
    ///
    /// # Errors
    /// See [`Broken`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let waiting = timeout(self.deadline, Arc::clone(&self.places).acquire_owned());
        let Ok(Ok(place)) = waiting.await else {
            return Err(Broken::Busy);
        };
        let task = spawn_blocking(move || {
            let _place = place;
            work()
        });
        match timeout(self.deadline, task).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(fault)) => Err(Broken::Panicked(match fault.try_into_panic() {
                Ok(panic) => words(&*panic).to_owned(),
                Err(cancelled) => cancelled.to_string(),
            })),
            Err(_) => Err(Broken::Overran),
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use futures_util::future::join_all;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn no_more_work_runs_at_once_than_there_are_places() {
        let pool = Pool::new(2, LONG);
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let work = (0..20).map(|number| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            pool.run(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                number
            })
        });
        let results: Vec<_> = join_all(work).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results, (0..20).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn work_that_overruns_keeps_its_place_until_it_ends() {
        let pool = Pool::new(1, Duration::from_millis(100));
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let stuck = pool.run(move || {
            let _ = released.lock().unwrap().recv();
        });
        assert_eq!(stuck.await, Err(Broken::Overran));
        assert_eq!(pool.run(|| 1).await, Err(Broken::Busy));
        drop(release);
        let patient = Pool {
            deadline: LONG,
            ..pool
        };
        assert_eq!(patient.run(|| 2).await, Ok(2));
    }

    #[tokio::test]
    async fn a_panic_takes_nothing_else_with_it() {
        let pool = Pool::new(1, LONG);
        let outcome = pool.run(|| -> u8 { panic!("hostile {}", "picture") }).await;
        assert_eq!(outcome, Err(Broken::Panicked("hostile picture".to_owned())));
        assert_eq!(pool.run(|| 3).await, Ok(3));
    }
}
