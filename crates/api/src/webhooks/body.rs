//! Endpoints and deliveries as the API shows them.

use chrono::{DateTime, Utc};
use domain::{
    WebhookAttempt, WebhookDeliveryStatus, WebhookDisabledReason, WebhookEndpoint, WebhookEvent,
    WebhookFault, WebhookTopic,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use storage_postgres::WebhookDelivery;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{products::body::rfc3339, vocabulary};

/// Where changes are told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointBody<'a> {
    /// A UUID of version 7.
    id: Uuid,
    /// An `http` or `https` address.
    #[schema(format = Uri, max_length = 2_048, example = "https://example.com/hooks/catalogue")]
    url: &'a str,
    /// What is told there; `*` stands for everything, also what there will be some day.
    #[schema(value_type = Vec<vocabulary::WebhookTopic>, min_items = 1, max_items = 7, example = json!(["product.updated", "product.deleted"]))]
    events: &'a [WebhookTopic],
    #[schema(required, max_length = 500, example = "Stock of the Hamburg shop")]
    description: Option<&'a str>,
    /// Whether anything is delivered.
    #[schema(example = true)]
    enabled: bool,
    #[schema(required, value_type = Option<vocabulary::WebhookDisabledReason>)]
    disabled_reason: Option<WebhookDisabledReason>,
    /// From 1, and one more at every visible change.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

/// An endpoint with the secret that signs its deliveries, which is shown this once, and to whoever repeats
/// the request with its `Idempotency-Key`.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret)]
pub struct EndpointWithSecretBody<'a> {
    #[serde(flatten)]
    endpoint: EndpointBody<'a>,
    /// Verify `webhook-signature` with it, by a library of Standard Webhooks.
    #[schema(value_type = String, pattern = "^whsec_[A-Za-z0-9+/]+=*$", example = "whsec_RsJgTHtQN/kAujw6U0KQXQEpGUl1ZcIg9yZcKyxpqnI=")]
    #[serde(serialize_with = "exposed")]
    secret: &'a SecretString,
}

/// The endpoints of an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpointList)]
pub struct EndpointListBody<'a> {
    /// The oldest first; at most 20.
    #[schema(max_items = 20)]
    pub data: Vec<EndpointBody<'a>>,
}

/// An event on its way to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryBody<'a> {
    /// What `webhook-id` says, at every attempt: the event's own identifier, a UUID of version 7.
    id: Uuid,
    /// What happened.
    #[schema(value_type = vocabulary::WebhookEvent)]
    event: WebhookEvent,
    /// `data` of what is delivered.
    #[schema(value_type = Object, example = json!({"id": "01a203f3-dd46-7169-92fb-90f23cd9b841", "version": 7}))]
    data: &'a serde_json::Value,
    #[schema(value_type = vocabulary::WebhookDeliveryStatus)]
    status: WebhookDeliveryStatus,
    /// When the next attempt begins, or at the latest where one is under way.
    #[schema(required)]
    #[serde(serialize_with = "rfc3339_or_null")]
    next_attempt_at: Option<DateTime<Utc>>,
    /// The attempts that have ended, the oldest first; of very many, the last 50.
    #[schema(max_items = 50)]
    attempts: Vec<AttemptBody>,
    /// When it happened.
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    /// When it was delivered or given up.
    #[schema(required)]
    #[serde(serialize_with = "rfc3339_or_null")]
    ended_at: Option<DateTime<Utc>>,
}

/// One attempt at a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct AttemptBody {
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    at: DateTime<Utc>,
    /// What the endpoint answered; 2xx is a delivery.
    #[schema(required, minimum = 100, maximum = 999, example = 200)]
    status_code: Option<u16>,
    /// Why there was no answer.
    #[schema(required, value_type = Option<vocabulary::WebhookFault>)]
    error: Option<WebhookFault>,
    /// How long it took.
    #[schema(example = 84)]
    duration_ms: u64,
}

/// One page of a log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryPage)]
pub struct DeliveryPageBody<'a> {
    /// The newest first.
    #[schema(max_items = 100)]
    pub data: Vec<DeliveryBody<'a>>,
    /// True unless this is the last page.
    pub has_more: bool,
    /// Give it back as `cursor` for the next page.
    #[schema(required)]
    pub next_cursor: Option<&'a str>,
}

impl<'a> EndpointBody<'a> {
    /// Shows an endpoint, without its secret.
    pub fn new(endpoint: &'a WebhookEndpoint) -> Self {
        let draft = &endpoint.draft;
        Self {
            id: endpoint.id.uuid(),
            url: &draft.url,
            events: &draft.events,
            description: draft.description.as_deref(),
            enabled: draft.enabled,
            disabled_reason: endpoint.disabled_reason,
            version: endpoint.version,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

impl<'a> EndpointWithSecretBody<'a> {
    /// Shows an endpoint to whoever has just made its secret.
    pub fn new(endpoint: &'a WebhookEndpoint, secret: &'a SecretString) -> Self {
        Self {
            endpoint: EndpointBody::new(endpoint),
            secret,
        }
    }
}

impl<'a> DeliveryBody<'a> {
    /// Shows a delivery.
    pub fn new(delivery: &'a WebhookDelivery) -> Self {
        Self {
            id: delivery.id.uuid(),
            event: delivery.event,
            data: &delivery.data,
            status: delivery.status,
            next_attempt_at: delivery.next_attempt_at,
            attempts: delivery.attempts.iter().map(AttemptBody::new).collect(),
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

impl AttemptBody {
    fn new(attempt: &WebhookAttempt) -> Self {
        Self {
            at: attempt.at,
            status_code: attempt.status_code,
            error: attempt.error,
            duration_ms: attempt.duration_ms,
        }
    }
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn rfc3339_or_null<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
