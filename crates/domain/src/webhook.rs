//! Webhooks: where an account wants to be told of what happens, of what, and how the telling went.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Rejection,
    ids::{AccountId, WebhookEndpointId},
    words::words,
};

/// Endpoints that an account may have.
pub const ENDPOINTS_MAX: usize = 20;
/// The longest description of an endpoint, in characters.
pub const DESCRIPTION_MAX_CHARACTERS: usize = 500;

words! {
    /// What an account can be told of.
    WebhookEvent {
        /// A product was created.
        ProductCreated = "product.created",
        /// Its owner changed a product; what its pictures do has events of its own.
        ProductUpdated = "product.updated",
        /// A product was deleted.
        ProductDeleted = "product.deleted",
        /// A picture has its variants, for the first time or anew.
        ImageReady = "image.ready",
        /// A picture could not be made.
        ImageFailed = "image.failed",
        /// The last unfinished picture of a product has ended.
        ProductImagesCompleted = "product.images_completed",
        /// Somebody tries out an endpoint.
        Ping = "ping",
    }
}

words! {
    /// What an endpoint wants to hear of.
    WebhookTopic {
        /// [`WebhookEvent::ProductCreated`].
        ProductCreated = "product.created",
        /// [`WebhookEvent::ProductUpdated`].
        ProductUpdated = "product.updated",
        /// [`WebhookEvent::ProductDeleted`].
        ProductDeleted = "product.deleted",
        /// [`WebhookEvent::ImageReady`].
        ImageReady = "image.ready",
        /// [`WebhookEvent::ImageFailed`].
        ImageFailed = "image.failed",
        /// [`WebhookEvent::ProductImagesCompleted`].
        ProductImagesCompleted = "product.images_completed",
        /// Everything, also what there will be some day.
        All = "*",
    }
}

words! {
    /// Why an endpoint was disabled that its owner had enabled.
    WebhookDisabledReason {
        /// It answered 410.
        Gone = "gone",
        /// Nothing could be delivered to it for days.
        Failing = "failing",
    }
}

words! {
    /// How far a delivery has come.
    WebhookDeliveryStatus {
        /// Another attempt is to come.
        Pending = "pending",
        /// The endpoint has taken it.
        Delivered = "delivered",
        /// No further attempt comes by itself.
        Failed = "failed",
    }
}

words! {
    /// Why an attempt had no answer.
    WebhookFault {
        /// The address, or every one that the name has, is not public.
        BlockedAddress = "blocked_address",
        /// The name has no address.
        NameNotFound = "name_not_found",
        /// Nobody could be connected to.
        ConnectionFailed = "connection_failed",
        /// No secure connection could be made.
        TlsFailed = "tls_failed",
        /// The answer did not come in time.
        Timeout = "timeout",
        /// The connection broke before the answer.
        ConnectionLost = "connection_lost",
    }
}

/// What the owner of an endpoint decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDraft {
    /// An `http` or `https` address.
    pub url: String,
    /// At least one, none twice.
    pub events: Vec<WebhookTopic>,
    /// What the owner calls it.
    pub description: Option<String>,
    /// Whether anything is delivered to it.
    pub enabled: bool,
}

/// Where an account wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Never changes.
    pub id: WebhookEndpointId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner decides.
    pub draft: WebhookDraft,
    /// Why it is disabled, where its owner did not ask for that.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// From 1, and one more at every visible change.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// One attempt at a delivery, once it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookAttempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// What the endpoint answered; none where it did not.
    pub status_code: Option<u16>,
    /// Why there was no answer.
    pub error: Option<WebhookFault>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Checks what an owner calls an endpoint.
///
/// # Errors
/// `too_long` or `control_character`.
pub fn parse_description(text: &str) -> Result<String, Rejection> {
    let text = text.trim();
    if text.chars().count() > DESCRIPTION_MAX_CHARACTERS {
        let detail = format!("is too long; give at most {DESCRIPTION_MAX_CHARACTERS} characters");
        return Err(Rejection::new("too_long", detail));
    }
    if text.chars().any(char::is_control) {
        return Err(Rejection::new(
            "control_character",
            "holds a control character; give plain text",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_but_a_ping_can_be_asked_for() {
        for event in WebhookEvent::ALL {
            let topic = event.as_str().parse::<WebhookTopic>();
            assert_eq!(topic.is_ok(), *event != WebhookEvent::Ping, "{event}");
        }
        assert_eq!("*".parse(), Ok(WebhookTopic::All));
    }

    #[test]
    fn a_description_is_bounded() {
        assert!(parse_description(&"ä".repeat(500)).is_ok());
        assert_eq!(parse_description(&"a".repeat(501)).unwrap_err().code, "too_long");
        assert_eq!(parse_description("a\0b").unwrap_err().code, "control_character");
    }
}
