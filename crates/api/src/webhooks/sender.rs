//! One request to an endpoint that somebody else chose.

use std::{sync::Arc, time::Duration};

use domain::WebhookFault;
use outbound::{GuardedResolver, HopGuard, Lookup, ResolveError, client_builder, find_cause};
use reqwest::{Client, Response, header::CONTENT_TYPE};
use url::Url;

/// How much of an answer is read, in bytes: enough for the connection to be used again. Nobody looks at it.
const ANSWER_MAX: usize = 4_096;
/// How long an unused connection is kept for the next delivery to the same host.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// Sends deliveries, to what its guard permits. One for the whole process.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    guard: HopGuard,
}

/// What is sent.
pub(super) struct Message<'a> {
    /// The same at every attempt.
    pub(super) id: &'a str,
    /// When this attempt began, in seconds since 1970.
    pub(super) timestamp: i64,
    /// As [`super::signature`] writes them.
    pub(super) signatures: String,
    /// JSON in UTF-8.
    pub(super) body: Vec<u8>,
}

impl Sender {
    /// A sender that gives an attempt `timeout` in all, from looking up the name to the end of the answer.
    ///
    /// # Errors
    /// The HTTP client cannot be built, as on a machine without root certificates.
    pub fn new(guard: HopGuard, timeout: Duration) -> Result<Self, reqwest::Error> {
        // The client wants to find one; where there is one already, that serves.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let resolver = GuardedResolver::new(Lookup::System, Arc::clone(guard.addresses()));
        let client = client_builder(resolver)
            .user_agent(concat!("pms-webhooks/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .pool_idle_timeout(POOL_IDLE)
            .build()?;
        Ok(Self { client, guard })
    }

    /// Sends a message, and says with which status it was answered. No redirect is followed.
    ///
    /// # Errors
    /// Why there was no answer.
    pub(super) async fn send(&self, url: &str, message: Message<'_>) -> Result<u16, WebhookFault> {
        // What is stored was checked when it came.
        let url = Url::parse(url).map_err(|_| WebhookFault::NameNotFound)?;
        self.guard.judge(&url).map_err(|_| WebhookFault::BlockedAddress)?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signatures)
            .body(message.body);
        let response = request.send().await.map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        read_on(response).await;
        Ok(status)
    }
}

/// Reads what little an endpoint has to say. The status stands, whatever becomes of this.
async fn read_on(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_MAX {
            return;
        }
    }
}

fn fault(error: &reqwest::Error) -> WebhookFault {
    match find_cause::<ResolveError>(error) {
        Some(ResolveError::Blocked { .. }) => WebhookFault::BlockedAddress,
        Some(ResolveError::Unknown { .. }) => WebhookFault::NameNotFound,
        None if find_cause::<rustls::Error>(error).is_some() => WebhookFault::TlsFailed,
        None if error.is_timeout() => WebhookFault::Timeout,
        None if error.is_connect() => WebhookFault::ConnectionFailed,
        None => WebhookFault::ConnectionLost,
    }
}
