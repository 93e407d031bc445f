//! What the owner of an endpoint sees of its deliveries, and can ask for.

use domain::{AccountId, WebhookDeliveryId, WebhookEndpointId};
use storage_postgres::{
    Database, DeliveryPage, Requested, WebhookDelivery, webhook_delivery_page, webhook_ping,
    webhook_redeliver,
};

use super::WebhookError;

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

/// Makes a delivery due once more, whatever became of it.
///
/// # Errors
/// `NotFound`, `Disabled` or `Storage`.
pub async fn redeliver(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    id: WebhookDeliveryId,
) -> Result<WebhookDelivery, WebhookError> {
    due(
        webhook_redeliver(database, account, endpoint, id).await?,
        "delivery",
    )
}

/// Makes an event `ping` due at one endpoint.
///
/// # Errors
/// `NotFound`, `Disabled` or `Storage`.
pub async fn ping(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
) -> Result<WebhookDelivery, WebhookError> {
    due(webhook_ping(database, account, endpoint).await?, "endpoint")
}

fn due(requested: Requested, what: &'static str) -> Result<WebhookDelivery, WebhookError> {
    match requested {
        Requested::Due(delivery) => Ok(delivery),
        Requested::NotFound => Err(WebhookError::NotFound(what)),
        Requested::Disabled => Err(WebhookError::Disabled),
    }
}
