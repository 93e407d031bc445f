//! Where an issuer's keys come from: read anew at an interval, and when a token names one that is not known.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use reqwest::{Client, redirect::Policy};
use runtime::{
    Causes,
    settings::{Jwks, Jwt},
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::key_set::{KeySet, KeySetError};

/// The longest set of keys, in bytes.
const BYTES_MAX: usize = 256 << 10;
/// How long a caller waits for a reading.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many callers wait for one at a time. Anybody can make up a key's name.
const WAITING_MAX: usize = 32;
/// After how many failures in a row the pause does not grow any more.
const DOUBLINGS_MAX: u32 = 6;

/// The keys of an issuer, as they were last read.
pub(super) struct Issuer {
    source: Source,
    every: Duration,
    pause: Duration,
    keys: RwLock<Option<Arc<KeySet>>>,
    /// Somebody has met a key that is not known.
    wanted: Notify,
    waiting: Semaphore,
    last: watch::Sender<Reading>,
}

enum Source {
    File(PathBuf),
    Url(Client, Url),
}

/// How the last reading went.
#[derive(Clone, Copy, Default)]
struct Reading {
    ended_at: Option<Instant>,
    is_good: bool,
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    #[error("it cannot be fetched")]
    Http(#[from] reqwest::Error),
    #[error("it was answered with status {0}")]
    Status(u16),
    #[error("it is longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error("it {0}")]
    Content(#[from] KeySetError),
}

impl Issuer {
    /// Keys that are still to be read.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub(super) fn new(jwks: &Jwks, settings: &Jwt) -> Result<Self, reqwest::Error> {
        let source = match jwks {
            Jwks::File(path) => Source::File(path.clone()),
            Jwks::Url(url) => Source::Url(client(settings.request_timeout)?, url.clone()),
        };
        Ok(Self {
            source,
            every: settings.refresh_every,
            pause: settings.refresh_pause,
            keys: RwLock::default(),
            wanted: Notify::new(),
            waiting: Semaphore::new(WAITING_MAX),
            last: watch::Sender::default(),
        })
    }

    /// The keys of the last reading that succeeded.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the keys read anew, unless that was done a moment ago, and waits for it a while. False where what the issuer
    /// has is not known.
    pub(super) async fn refresh(&self) -> bool {
        let mut last = self.last.subscribe();
        let reading = *last.borrow_and_update();
        if reading.ended_at.is_some_and(|at| at.elapsed() < self.pause) {
            return reading.is_good;
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return false;
        };
        self.wanted.notify_one();
        match timeout(PATIENCE, last.changed()).await {
            Ok(Ok(())) => last.borrow().is_good,
            _ => false,
        }
    }

    /// Reads the keys whenever it is time to, until `stop`. While they cannot be had, those that were read before count.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let mut failures = 0;
        loop {
            failures = match stop.run_until_cancelled(self.read()).await {
                None => return,
                Some(Ok(keys)) => {
                    if failures > 0 {
                        tracing::info!(jwks = %self.source, "the issuer's keys can be had again");
                    }
                    self.take(keys);
                    0
                }
                Some(Err(error)) => {
                    if failures == 0 {
                        let error = Causes(&error);
                        tracing::warn!(jwks = %self.source, %error, "the issuer's keys cannot be had; those of before count");
                    }
                    failures + 1
                }
            };
            self.last.send_replace(Reading {
                ended_at: Some(Instant::now()),
                is_good: failures == 0,
            });
            let woken = async {
                tokio::time::sleep(self.pause).await;
                let rest = self.rest(failures).saturating_sub(self.pause);
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = self.wanted.notified() => {}
                }
            };
            if stop.run_until_cancelled(woken).await.is_none() {
                return;
            }
        }
    }

    /// Reads the keys once, and keeps them.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub(super) async fn open(&self) -> Result<(), ReadError> {
        let keys = self.read().await?;
        self.take(keys);
        Ok(())
    }

    fn take(&self, keys: KeySet) {
        tracing::debug!(jwks = %self.source, keys = keys.len(), "read the issuer's keys");
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// How long until the next reading: a failed one is repeated sooner, and up to a tenth earlier, so that processes do
    /// not ask all at once.
    fn rest(&self, failures: u32) -> Duration {
        let rest = match failures {
            0 => self.every,
            _ => (self.pause * 2_u32.pow(failures.min(DOUBLINGS_MAX))).min(self.every),
        };
        rest.mul_f64(1.0 - fastrand::f64() / 10.0)
    }

    async fn read(&self) -> Result<KeySet, ReadError> {
        let bytes = match &self.source {
            Source::File(path) => tokio::fs::read(path).await?,
            Source::Url(client, url) => fetch(client, url).await?,
        };
        if bytes.len() > BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        Ok(KeySet::parse(&bytes)?)
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Url(_, url) => url.fmt(formatter),
        }
    }
}

fn client(request_timeout: Duration) -> Result<Client, reqwest::Error> {
    // The client wants to find one; where there is one already, that serves.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("pms-api/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .timeout(request_timeout)
        .build()
}

async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, ReadError> {
    let mut response = client.get(url.clone()).send().await?;
    if !response.status().is_success() {
        return Err(ReadError::Status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
