//! What can be done with endpoints.

use domain::{AccountId, Expected, WebhookEndpoint, WebhookEndpointId};
use secrecy::SecretString;
use serde_json::Value;
use storage_postgres::{
    Database, Deleted, IdempotencyClaim, NewWebhookEndpoint, Once, StoredAnswer, Updated,
    webhook_endpoint_create, webhook_endpoint_delete, webhook_endpoint_get, webhook_endpoint_list,
    webhook_endpoint_update, webhook_secret_rotate,
};

use super::{WebhookError, draft, once::answered, secret};
use crate::answered::Answered;

/// Creates an endpoint with a new secret. `answer` is stored for whoever repeats the request.
///
/// # Errors
/// `Invalid`, `TooMany`, `KeyInUse`, `KeyReused`, `NoRandomness` or `Storage`.
pub async fn create_endpoint(
    database: &Database,
    account: AccountId,
    body: &Value,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(&WebhookEndpoint, &SecretString) -> StoredAnswer,
) -> Result<Answered, WebhookError> {
    let new = NewWebhookEndpoint {
        id: WebhookEndpointId::generate(),
        account_id: account,
        draft: draft::read_new(body).map_err(WebhookError::Invalid)?,
        secret: secret::generate()?,
    };
    let answer = |endpoint: &WebhookEndpoint| answer(endpoint, &new.secret);
    let created = webhook_endpoint_create(database, &new, claim, &answer).await?;
    if let Once::Fresh(endpoint) = &created {
        tracing::info!(endpoint_id = %endpoint.id, "webhook endpoint created");
    }
    answered(created, "endpoint", answer)
}

/// Reads all endpoints of an account, the oldest first.
///
/// # Errors
/// `Storage`.
pub async fn list_endpoints(
    database: &Database,
    account: AccountId,
) -> Result<Vec<WebhookEndpoint>, WebhookError> {
    Ok(webhook_endpoint_list(database, account).await?)
}

/// Reads an endpoint.
///
/// # Errors
/// `NotFound` or `Storage`.
pub async fn read_endpoint(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
) -> Result<WebhookEndpoint, WebhookError> {
    webhook_endpoint_get(database, account, id)
        .await?
        .ok_or(WebhookError::NotFound("endpoint"))
}

/// Applies a merge patch to an endpoint of an `expected` version.
///
/// # Errors
/// `NotFound`, `VersionMismatch`, `Invalid` or `Storage`.
pub async fn update_endpoint(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
    patch: &Value,
) -> Result<WebhookEndpoint, WebhookError> {
    let change = |endpoint: &WebhookEndpoint| {
        draft::read_patched(&endpoint.draft, patch).map_err(WebhookError::Invalid)
    };
    match webhook_endpoint_update(database, account, id, expected, change).await? {
        Updated::Changed(endpoint) | Updated::Unchanged(endpoint) => Ok(endpoint),
        Updated::NotFound => Err(WebhookError::NotFound("endpoint")),
        Updated::VersionMismatch { current } => Err(WebhookError::VersionMismatch { current }),
        Updated::Refused(refusal) => Err(refusal),
    }
}

/// Gives an endpoint of an `expected` version a new secret, beside which the one before signs for 24 hours. `answer` is
/// stored for whoever repeats the request, so that a secret whose answer was lost is shown again.
///
/// # Errors
/// `NotFound`, `VersionMismatch`, `KeyInUse`, `KeyReused`, `NoRandomness` or `Storage`.
pub async fn rotate_secret(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(&WebhookEndpoint, &SecretString) -> StoredAnswer,
) -> Result<Answered, WebhookError> {
    let secret = secret::generate()?;
    let answer = |endpoint: &WebhookEndpoint| answer(endpoint, &secret);
    let rotated = webhook_secret_rotate(database, account, id, expected, &secret, claim, &answer).await?;
    if let Once::Fresh(_) = &rotated {
        tracing::info!(endpoint_id = %id, "webhook secret rotated");
    }
    answered(rotated, "endpoint", answer)
}

/// Deletes an endpoint of an `expected` version, with its log.
///
/// # Errors
/// `NotFound`, `VersionMismatch` or `Storage`.
pub async fn delete_endpoint(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
) -> Result<(), WebhookError> {
    match webhook_endpoint_delete(database, account, id, expected).await? {
        Deleted::Done { .. } => {
            tracing::info!(endpoint_id = %id, "webhook endpoint deleted");
            Ok(())
        }
        Deleted::NotFound => Err(WebhookError::NotFound("endpoint")),
        Deleted::VersionMismatch { current } => Err(WebhookError::VersionMismatch { current }),
    }
}
