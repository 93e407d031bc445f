//! Telling webhooks what happens: rows of `webhook_deliveries`, written in the transaction of what they tell.

use diesel::{
    QueryResult, sql_query,
    sql_types::{Array, Jsonb, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageError, ImageId, ImagesStatus, ProductId, WebhookDeliveryId, WebhookEvent};
use serde_json::{Value, json};

use crate::expression::Prepared;

/// One row for each news and each endpoint that wants to hear of it, so none where an account has no endpoints.
const INSERT: &str = "INSERT INTO webhook_deliveries (endpoint_id, id, account_id, event, data) \
    SELECT endpoint.id, news.id, endpoint.account_id, news.event, news.data \
    FROM unnest($2, $3, $4) AS news (id, event, data) \
    JOIN webhook_endpoints AS endpoint \
        ON endpoint.account_id = $1 AND endpoint.enabled AND endpoint.events && ARRAY['*', news.event]";

/// What is to be told. It names the thing and the version that its product is of now, and leaves the rest to be read:
/// deliveries overtake each other, and the reader decides what is news.
pub(crate) struct WebhookNews {
    event: WebhookEvent,
    data: Value,
}

impl WebhookNews {
    /// Something happened to a product, which is of `version` now.
    pub(crate) fn of_product(event: WebhookEvent, id: ProductId, version: i64) -> Self {
        let data = json!({"id": id.uuid(), "version": version});
        Self { event, data }
    }

    /// A picture has its variants.
    pub(crate) fn image_ready(id: ImageId, product: ProductId, version: i64) -> Self {
        Self {
            event: WebhookEvent::ImageReady,
            data: json!({"id": id.uuid(), "product_id": product.uuid(), "version": version}),
        }
    }

    /// A picture could not be made.
    pub(crate) fn image_failed(id: ImageId, product: ProductId, version: i64, error: &ImageError) -> Self {
        let error = json!({
            "code": error.code.as_str(), "detail": error.detail, "retryable": error.code.is_retryable(),
        });
        Self {
            event: WebhookEvent::ImageFailed,
            data: json!({
                "id": id.uuid(), "product_id": product.uuid(), "version": version, "error": error,
            }),
        }
    }

    /// The last unfinished picture of a product has ended.
    pub(crate) fn images_completed(id: ProductId, version: i64, status: ImagesStatus) -> Self {
        Self {
            event: WebhookEvent::ProductImagesCompleted,
            data: json!({"id": id.uuid(), "version": version, "images_status": status.as_str()}),
        }
    }
}

/// Writes what is to be told. The table's trigger wakes whoever delivers, once the transaction is committed.
pub(crate) async fn webhook_news_insert_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    news: &[WebhookNews],
) -> QueryResult<()> {
    if news.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = news
        .iter()
        .map(|_| WebhookDeliveryId::generate().uuid())
        .collect();
    let events: Vec<_> = news.iter().map(|news| news.event.as_str()).collect();
    let data: Vec<_> = news.iter().map(|news| &news.data).collect();
    let insert = sql_query(INSERT)
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Text>, _>(events)
        .bind::<Array<Jsonb>, _>(data);
    Prepared(insert).execute(&mut &*connection).await?;
    Ok(())
}
