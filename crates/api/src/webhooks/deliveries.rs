//! What the owner of an endpoint sees of its deliveries, and can ask for.

use domain::{AccountId, WebhookDeliveryId, WebhookEndpointId};
use storage_postgres::{
    Database, DeliveryPage, IdempotencyClaim, StoredAnswer, WebhookDelivery, webhook_delivery_page,
    webhook_ping, webhook_redeliver,
};

use super::{WebhookError, once::answered};
use crate::answered::Answered;

/// Reads one page of the log of an endpoint, of what is older than `after`.
///
/// # Errors
/// `NotFound` or `Storage`.
pub async fn list_deliveries(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    after: Option<WebhookDeliveryId>,
    limit: u16,
) -> Result<DeliveryPage, WebhookError> {
    webhook_delivery_page(database, account, endpoint, after, limit)
        .await?
        .ok_or(WebhookError::NotFound("endpoint"))
}

/// Makes a delivery due once more, whatever became of it. `answer` is stored for whoever repeats the request.
///
/// # Errors
/// `NotFound`, `Disabled`, `KeyInUse`, `KeyReused` or `Storage`.
pub async fn redeliver(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    id: WebhookDeliveryId,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(&WebhookDelivery) -> StoredAnswer,
) -> Result<Answered, WebhookError> {
    let asked = webhook_redeliver(database, account, endpoint, id, claim, &answer).await?;
    answered(asked, "delivery", answer)
}

/// Makes an event `ping` due at one endpoint. `answer` is stored for whoever repeats the request.
///
/// # Errors
/// `NotFound`, `Disabled`, `KeyInUse`, `KeyReused` or `Storage`.
pub async fn ping(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(&WebhookDelivery) -> StoredAnswer,
) -> Result<Answered, WebhookError> {
    let asked = webhook_ping(database, account, endpoint, claim, &answer).await?;
    answered(asked, "endpoint", answer)
}
