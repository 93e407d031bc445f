//! The bucket as jobs use it: while it is away they wait where they are, so that its absence costs no attempt.
//!
//! Waiting jobs keep what they have made, and keep their messages; a process holds no more of them than it works on
//! at a time. That the waiting begins and ends is told once for the whole process.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use storage_s3::{Error, ObjectStore};
use tokio::{
    select,
    time::{sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The longest that one job waits for the store, and for the broker each time it tells something. RabbitMQ takes a
/// message back from a consumer that has not acknowledged it for half an hour; where several waits come together, so be
/// it: the work is done once more.
pub const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// The pause after a first failure; each further one is twice as long, with jitter.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest pause, for a bucket that answers when it is looked for and fails when it is used.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// A store that is waited for. Clones share what they know of its absence.
#[derive(Clone, Debug)]
pub struct PatientStore {
    store: ObjectStore,
    stop: CancellationToken,
    longest: Duration,
    absent_since: Arc<Mutex<Option<Instant>>>,
}

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The process is to end while the store is away.
    #[error("the process stops while the object store is away")]
    Stopping,
    /// The store refused, or stayed away for too long.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl PatientStore {
    /// A store for which a job waits up to `longest`, and not at all once `stop` is cancelled.
    pub fn new(store: ObjectStore, stop: CancellationToken, longest: Duration) -> Self {
        Self {
            store,
            stop,
            longest,
            absent_since: Arc::default(),
        }
    }

    /// The patience of one job, which begins now.
    pub fn for_job(&self) -> Patience<'_> {
        Patience {
            shared: self,
            deadline: tokio::time::Instant::now() + self.longest,
        }
    }

    fn is_away(&self, error: &Error) {
        let mut absent_since = self.absent_since.lock().unwrap_or_else(PoisonError::into_inner);
        if absent_since.is_none() {
            *absent_since = Some(Instant::now());
            warn!(%error, "the object store is away; jobs wait for it");
        }
    }

    fn is_back(&self) {
        let absent_since = self
            .absent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(since) = absent_since {
            let away_s = since.elapsed().as_secs();
            info!(away_s, "the object store is back; jobs go on");
        }
    }
}

/// How long one job still waits, whatever it does with the store.
#[derive(Clone, Copy, Debug)]
pub struct Patience<'a> {
    shared: &'a PatientStore,
    deadline: tokio::time::Instant,
}

impl Patience<'_> {
    /// Waits while the store is known to be away, so that nothing is begun that could not be kept.
    ///
    /// # Errors
    /// [`Interrupted`], with `Failed` where it stayed away for too long.
    pub async fn until_usable(&self) -> Result<(), Interrupted> {
        if self.shared.store.is_usable() {
            return Ok(());
        }
        let error = Error::Unavailable {
            reason: "it has not answered of late".to_owned(),
        };
        self.shared.is_away(&error);
        self.wait(Duration::ZERO, error).await
    }

    /// Carries out `call`, and again each time the store has come back from an absence. Wrong credentials and a
    /// missing bucket are absences too: an operator mends them.
    ///
    /// # Errors
    /// [`Interrupted`], with what the store said last.
    pub async fn carry_out<T, Answer>(&self, call: impl Fn(ObjectStore) -> Answer) -> Result<T, Interrupted>
    where
        Answer: Future<Output = Result<T, Error>>,
    {
        let mut pauses = pauses();
        loop {
            let error = match call(self.shared.store.clone()).await {
                Ok(done) => {
                    self.shared.is_back();
                    return Ok(done);
                }
                Err(error) if is_absence(&error) => error,
                Err(error) => {
                    self.shared.is_back();
                    return Err(error.into());
                }
            };
            self.shared.is_away(&error);
            self.wait(pauses.next().unwrap_or(PAUSE_MAX), error).await?;
        }
    }

    /// Returns when `pause` is over and the store answers again.
    async fn wait(&self, pause: Duration, error: Error) -> Result<(), Interrupted> {
        let coming_back = async {
            sleep(pause).await;
            self.shared.store.usable().await;
        };
        select! {
            biased;
            () = self.shared.stop.cancelled() => Err(Interrupted::Stopping),
            waited = timeout_at(self.deadline, coming_back) => waited.map_err(|_| error.into()),
        }
    }
}

/// The pauses between attempts at the same thing, without end.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .with_jitter()
        .build()
}

fn is_absence(error: &Error) -> bool {
    match error {
        Error::Unavailable { .. } | Error::AccessDenied { .. } | Error::NoSuchBucket { .. } => true,
        Error::NotFound { .. } | Error::TooLarge { .. } | Error::Config { .. } | Error::Other { .. } => false,
    }
}
