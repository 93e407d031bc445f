//! What can be done with endpoints.

use domain::{AccountId, Expected, WebhookEndpoint, WebhookEndpointId};
use secrecy::SecretString;
use serde_json::Value;
use storage_postgres::{
    Database, Deleted, IdempotencyClaim, NewWebhookEndpoint, StoredAnswer, Updated, WebhookCreated,
    webhook_endpoint_create, webhook_endpoint_delete, webhook_endpoint_get, webhook_endpoint_list,
    webhook_endpoint_update, webhook_secret_rotate,
};

use super::{WebhookError, draft, secret};

/// How a create is answered.
#[derive(Debug)]
pub enum CreateAnswer {
    /// The endpoint was created just now.
    Fresh(StoredAnswer),
    /// It was created by an earlier request with the same key.
    Replayed(StoredAnswer),
}

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
) -> Result<CreateAnswer, WebhookError> {
    let new = NewWebhookEndpoint {
        id: WebhookEndpointId::generate(),
        account_id: account,
        draft: draft::read_new(body).map_err(WebhookError::Invalid)?,
        secret: secret::generate()?,
    };
    let answer = |endpoint: &WebhookEndpoint| answer(endpoint, &new.secret);
    match webhook_endpoint_create(database, &new, claim, &answer).await? {
        WebhookCreated::Fresh(endpoint) => {
            tracing::info!(endpoint_id = %endpoint.id, "webhook endpoint created");
            Ok(CreateAnswer::Fresh(answer(&endpoint)))
        }
        WebhookCreated::Replayed(answer) => Ok(CreateAnswer::Replayed(answer)),
        WebhookCreated::KeyInUse => Err(WebhookError::KeyInUse),
        WebhookCreated::KeyReused => Err(WebhookError::KeyReused),
        WebhookCreated::TooMany => Err(WebhookError::TooMany),
    }
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
    let updated = webhook_endpoint_update(database, account, id, expected, change).await?;
    changed(updated, |refusal| refusal)
}

/// Gives an endpoint of an `expected` version a new secret, beside which the one before signs for 24 hours.
///
/// # Errors
/// `NotFound`, `VersionMismatch`, `NoRandomness` or `Storage`.
pub async fn rotate_secret(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
) -> Result<(WebhookEndpoint, SecretString), WebhookError> {
    let secret = secret::generate()?;
    let rotated = webhook_secret_rotate(database, account, id, expected, &secret).await?;
    let endpoint = changed(rotated, |never| match never {})?;
    tracing::info!(endpoint_id = %id, "webhook secret rotated");
    Ok((endpoint, secret))
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

fn changed<E>(
    updated: Updated<E, WebhookEndpoint>,
    refused: impl FnOnce(E) -> WebhookError,
) -> Result<WebhookEndpoint, WebhookError> {
    match updated {
        Updated::Changed(endpoint) | Updated::Unchanged(endpoint) => Ok(endpoint),
        Updated::NotFound => Err(WebhookError::NotFound("endpoint")),
        Updated::VersionMismatch { current } => Err(WebhookError::VersionMismatch { current }),
        Updated::Refused(refusal) => Err(refused(refusal)),
    }
}
