//! Fetches a picture from an address that somebody else chose.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::ImageErrorCode::{DownloadFailed, DownloadTimeout, TooLarge};
use outbound::{GuardedResolver, HopGuard, Lookup, client_builder};
use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION},
};
use tokio::{select, time::timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    hosts::Hosts,
    turns::Turns,
    verdict::{self, Missed},
};
use crate::failure::Failure;

/// How long an unused connection is kept for the next picture of the same host.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// How much of a source the fetcher puts up with.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Bytes of the body.
    pub max_bytes: u64,
    /// Bytes of a file that lies in the bucket already.
    pub max_stored_bytes: u64,
    /// Redirects that are followed.
    pub max_redirects: usize,
    /// For resolving the name, connecting and the TLS handshake of one hop.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub idle_timeout: Duration,
    /// For everything, every hop included, but for waiting until it is this download's turn at a host.
    pub total_timeout: Duration,
    /// Downloads at a time from one host and port.
    pub per_host: usize,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The process is to end, and it was not this download's turn yet.
    #[error("the process stops before the download has begun")]
    Stopping,
    /// The host is busy with other downloads of this worker for longer than anybody waits. That says nothing of this one.
    #[error("other downloads from {host} take too long for this one to wait")]
    Crowded {
        /// Its name and port.
        host: String,
    },
    /// The source, or its address, is to blame.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A source's bytes.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The body; whether it is a picture is not known yet.
    pub bytes: Bytes,
    /// How many redirects led to it.
    pub redirects: usize,
    /// For how long others at the same hosts were waited for.
    pub waited: Duration,
}

/// Where a request led.
enum Hop {
    On(Url),
    End(Bytes),
}

/// The only part of the worker that speaks to strangers. One for the whole process.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    guard: HopGuard,
    hosts: Hosts,
    turns: Turns,
    limits: FetchLimits,
    stop: CancellationToken,
}

impl Fetcher {
    /// A fetcher that resolves names with `lookup`. Once `stop` is cancelled, nobody waits for a turn any more.
    ///
    /// # Errors
    /// The HTTP client cannot be built, as on a machine without root certificates.
    ///
    /// # Panics
    /// When no cryptography provider was installed for rustls before.
    pub fn new(
        limits: FetchLimits,
        guard: HopGuard,
        lookup: Lookup,
        stop: CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        let headers = HeaderMap::from_iter([
            (
                ACCEPT,
                HeaderValue::from_static("image/jpeg, image/png, image/webp, image/gif, */*;q=0.1"),
            ),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ]);
        let client = client_builder(GuardedResolver::new(lookup, Arc::clone(guard.addresses())))
            .user_agent(concat!("pms-image-worker/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(limits.connect_timeout)
            .read_timeout(limits.idle_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .build()?;
        Ok(Self {
            client,
            guard,
            hosts: Hosts::new(&limits),
            turns: Turns::new(limits.per_host),
            limits,
            stop,
        })
    }

    /// The limits that it holds to.
    pub fn limits(&self) -> &FetchLimits {
        &self.limits
    }

    /// Fetches `source`, following redirects by hand, since every hop must be judged, and waiting at every host for its
    /// turn. That wait is bounded too, as each download before it is.
    ///
    /// # Errors
    /// [`FetchError`]; of the codes `blocked_address`, `download_failed`, `download_timeout` and `too_large`.
    pub async fn fetch(&self, source: &str) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(source).map_err(|error| {
            Failure::lasting(
                DownloadFailed,
                "the source is not an absolute URL; give one such as https://example.com/a.jpg",
            )
            .caused_by(error)
        })?;
        let mut left = self.limits.total_timeout;
        let mut waited = Duration::ZERO;
        for redirects in 0..=self.limits.max_redirects {
            self.guard
                .judge(&url)
                .map_err(|fault| verdict::of_hop(fault, redirects, self.guard.ports()))?;
            let asked = Instant::now();
            let host = host_and_port(&url);
            let turn = select! {
                biased;
                turn = self.turns.take(host.clone()) => turn,
                () = self.stop.cancelled() => return Err(FetchError::Stopping),
            };
            let Some(_turn) = turn else {
                return Err(FetchError::Crowded { host });
            };
            let begun = Instant::now();
            waited += begun - asked;
            let hop = timeout(left, self.hosts.call(&url, self.hop(&url, redirects))).await;
            left = left.saturating_sub(begun.elapsed());
            match hop.map_err(|_| too_slow(self.limits.total_timeout))?? {
                Hop::On(next) => url = next,
                Hop::End(bytes) => {
                    return Ok(Fetched {
                        bytes,
                        redirects,
                        waited,
                    });
                }
            }
        }
        let most = self.limits.max_redirects;
        let detail = format!("the source redirects more than {most} times; give the address that it ends at");
        Err(Failure::lasting(DownloadFailed, detail).into())
    }

    async fn hop(&self, url: &Url, redirects: usize) -> Result<Hop, Missed> {
        let request = self.client.get(url.clone());
        let response = request
            .send()
            .await
            .map_err(|error| verdict::of_error(error, redirects, &self.limits))?;
        if let Some(next) = next_hop(url, &response)? {
            return Ok(Hop::On(next));
        }
        verdict::of_status(response.status())?;
        let bytes = self.body(response, redirects).await?;
        Ok(Hop::End(bytes))
    }

    async fn body(&self, mut response: Response, redirects: usize) -> Result<Bytes, Missed> {
        let max = self.limits.max_bytes;
        let declared = response.content_length().unwrap_or(0);
        if declared > max {
            return Err(too_large(max).into());
        }
        let mut body = Vec::with_capacity(usize::try_from(declared).unwrap_or(0));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| verdict::of_error(error, redirects, &self.limits))?
        {
            if body.len() as u64 + chunk.len() as u64 > max {
                return Err(too_large(max).into());
            }
            body.extend_from_slice(&chunk);
        }
        // It is held until the picture is done, and grew by doubling.
        body.shrink_to_fit();
        Ok(body.into())
    }
}

/// What turns are taken at, and what is left alone once it does not answer. A dot at the end of a name changes nothing.
pub(super) fn host_and_port(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{}:{port}", host.strip_suffix('.').unwrap_or(host))
}

fn too_slow(limit: Duration) -> Failure {
    let detail = format!("the source took longer than {} in all", seconds(limit));
    Failure::passing(DownloadTimeout, detail)
}

/// Where an answer redirects to; none where it does not.
fn next_hop(url: &Url, response: &Response) -> Result<Option<Url>, Failure> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !redirects {
        return Ok(None);
    }
    response
        .headers()
        .get(LOCATION)
        .and_then(|location| str::from_utf8(location.as_bytes()).ok())
        .and_then(|location| url.join(location).ok())
        .map(Some)
        .ok_or_else(|| {
            Failure::lasting(
                DownloadFailed,
                format!(
                    "the source answered {} without a usable address to go on to",
                    response.status().as_u16()
                ),
            )
        })
}

/// The failure of a body of more than `max` bytes, whether it was declared or found.
pub fn too_large(max: u64) -> Failure {
    let detail = format!("the file is larger than {max} bytes, the most that is read; give a smaller one");
    Failure::lasting(TooLarge, detail)
}

/// `10 s`, or `1.5 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
