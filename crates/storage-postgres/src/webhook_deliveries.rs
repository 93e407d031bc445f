//! The table `webhook_deliveries` as the owner of an endpoint sees it: its log, and what can be asked for.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _,
    OptionalExtension as _, QueryDsl as _, QueryResult, Queryable, Selectable, SelectableHelper as _,
    pg::Pg,
    sql_types::{Nullable, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{
    AccountId, WebhookAttempt, WebhookDeliveryId, WebhookDeliveryStatus, WebhookEndpointId, WebhookEvent,
};
use futures_util::future::{join, try_join};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::Prepared,
    idempotency::{IdempotencyClaim, StoredAnswer},
    images::word,
    once::{Once, request_carry_out},
    outbox::now,
    schema::webhook_deliveries,
    webhook_endpoints::{WebhookRefusal, endpoint_find},
};

/// An event on its way to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The event's own identifier.
    pub id: WebhookDeliveryId,
    /// Where it goes.
    pub endpoint_id: WebhookEndpointId,
    /// What it tells.
    pub event: WebhookEvent,
    /// Of what.
    pub data: Value,
    /// How far it has come.
    pub status: WebhookDeliveryStatus,
    /// When the next attempt begins, or at the latest where one is under way; none once it has ended.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was delivered or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// The last attempts that have ended, the oldest first.
    pub attempts: Vec<WebhookAttempt>,
    /// When what it tells happened.
    pub created_at: DateTime<Utc>,
}

/// One page of the log of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The newest first.
    pub deliveries: Vec<WebhookDelivery>,
    /// True where older ones follow.
    pub has_more: bool,
}

/// Reads up to `limit` deliveries of an endpoint that are older than `after`; none where the account has no such
/// endpoint.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_delivery_page(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    after: Option<WebhookDeliveryId>,
    limit: u16,
) -> Result<Option<DeliveryPage>, StorageError> {
    let lease = database.lease().await?;
    let mut page = webhook_deliveries::table
        .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
        .filter(webhook_deliveries::account_id.eq(account.uuid()))
        .order(webhook_deliveries::id.desc())
        .limit(i64::from(limit) + 1)
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        page = page.filter(webhook_deliveries::id.lt(after.uuid()));
    }
    let (found, rows) = lease
        .run(async {
            let mut connection = lease.connection();
            let rows = async { Ok(page.load::<DeliveryRow>(&mut connection).await?) };
            try_join(endpoint_find(lease.connection(), account, endpoint), rows).await
        })
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    let has_more = rows.len() > usize::from(limit);
    let rows = rows.into_iter().take(limit.into());
    Ok(Some(DeliveryPage {
        deliveries: rows.map(delivery_from_row).collect::<Result<_, _>>()?,
        has_more,
    }))
}

/// Makes a delivery due once more, from the first rung of the ladder on. One that is under way stays so. With a `claim`,
/// the answer that `answer` makes of the delivery is stored for whoever repeats the request.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_redeliver(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    id: WebhookDeliveryId,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&WebhookDelivery) -> StoredAnswer,
) -> Result<Once<WebhookDelivery, WebhookRefusal>, StorageError> {
    let row = webhook_deliveries::table
        .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
        .filter(webhook_deliveries::account_id.eq(account.uuid()))
        .filter(webhook_deliveries::id.eq(id.uuid()));
    let is_in_hand = webhook_deliveries::under_way
        .nullable()
        .and(webhook_deliveries::due_at.gt(now().nullable()));
    let due_at =
        diesel::dsl::case_when::<_, _, Nullable<Timestamptz>>(is_in_hand, webhook_deliveries::due_at)
            .otherwise(now().nullable());
    let update = diesel::update(row)
        .set((
            webhook_deliveries::status.eq(WebhookDeliveryStatus::Pending.as_str()),
            webhook_deliveries::failures.eq(0),
            webhook_deliveries::due_at.eq(due_at),
            webhook_deliveries::ended_at.eq(None::<DateTime<Utc>>),
        ))
        .returning(DeliveryRow::as_returning());
    let lease = database.lease().await?;
    let connection = lease.connection();
    let written = async {
        let row = Prepared(update).get_result::<DeliveryRow>(&mut &*connection);
        row.await.optional()
    };
    let work = delivery_write_in_txn(connection, account, endpoint, written);
    request_carry_out(database, &lease, claim, answer, work).await
}

/// Makes an event `ping` due at one endpoint. With a `claim`, the answer that `answer` makes of the delivery is stored for
/// whoever repeats the request.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_ping(
    database: &Database,
    account: AccountId,
    endpoint: WebhookEndpointId,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&WebhookDelivery) -> StoredAnswer,
) -> Result<Once<WebhookDelivery, WebhookRefusal>, StorageError> {
    let insert = diesel::insert_into(webhook_deliveries::table)
        .values((
            webhook_deliveries::endpoint_id.eq(endpoint.uuid()),
            webhook_deliveries::id.eq(WebhookDeliveryId::generate().uuid()),
            webhook_deliveries::account_id.eq(account.uuid()),
            webhook_deliveries::event.eq(WebhookEvent::Ping.as_str()),
            webhook_deliveries::data.eq(json!({"endpoint_id": endpoint.uuid()})),
        ))
        .returning(DeliveryRow::as_returning());
    let lease = database.lease().await?;
    let connection = lease.connection();
    let written = async {
        let row = insert.get_result::<DeliveryRow>(&mut &*connection);
        row.await.map(Some)
    };
    let work = delivery_write_in_txn(connection, account, endpoint, written);
    request_carry_out(database, &lease, claim, answer, work).await
}

/// Has a delivery `written`, and refuses it where the account has no such endpoint or nothing is delivered to it. Both
/// travel together: what is refused is rolled back.
async fn delivery_write_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    endpoint: WebhookEndpointId,
    written: impl Future<Output = QueryResult<Option<DeliveryRow>>>,
) -> Result<Result<WebhookDelivery, WebhookRefusal>, StorageError> {
    let (found, written) = join(endpoint_find(connection, account, endpoint), written).await;
    match found? {
        None => return Ok(Err(WebhookRefusal::NotFound)),
        Some(endpoint) if !endpoint.draft.enabled => return Ok(Err(WebhookRefusal::Disabled)),
        Some(_) => {}
    }
    match written? {
        Some(row) => Ok(Ok(delivery_from_row(row)?)),
        None => Ok(Err(WebhookRefusal::NotFound)),
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries, check_for_backend(Pg))]
struct DeliveryRow {
    endpoint_id: Uuid,
    id: Uuid,
    event: String,
    data: Value,
    status: String,
    due_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    attempt_log: Value,
    created_at: DateTime<Utc>,
}

fn delivery_from_row(row: DeliveryRow) -> Result<WebhookDelivery, StorageError> {
    Ok(WebhookDelivery {
        id: row.id.into(),
        endpoint_id: row.endpoint_id.into(),
        event: word("webhook_deliveries.event", &row.event)?,
        data: row.data,
        status: word("webhook_deliveries.status", &row.status)?,
        next_attempt_at: row.due_at,
        ended_at: row.ended_at,
        attempts: serde_json::from_value(row.attempt_log)
            .map_err(|error| StorageError::value("webhook_deliveries.attempt_log", error))?,
        created_at: row.created_at,
    })
}
