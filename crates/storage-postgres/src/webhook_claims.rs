//! Taking deliveries that are due.
//!
//! Whoever takes a delivery has it for a time. A process that is gone by then has not noted anything, so another takes
//! the delivery again: it may come twice, and is never lost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Interval, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use domain::{WebhookDeliveryId, WebhookEndpointId, WebhookEvent};
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    expression::Prepared,
    images::word,
    lease::End,
    reconciler::interval,
};

/// How much a process takes.
#[derive(Clone, Debug)]
pub struct ClaimLimits {
    /// Deliveries in this turn, at most.
    pub room: u16,
    /// Deliveries at a time to one endpoint, by this process; to one that fails, a single one.
    pub per_endpoint: u16,
    /// The endpoints of what this process has in hand, each as often as it occurs.
    pub in_hand: Vec<WebhookEndpointId>,
    /// For so long is a delivery taken. To be longer than any attempt.
    pub lease: Duration,
}

/// A delivery that is taken, with what its endpoint needs to be told.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    /// The event's own identifier.
    pub id: WebhookDeliveryId,
    /// Where it goes.
    pub endpoint_id: WebhookEndpointId,
    /// The address of the endpoint.
    pub url: String,
    /// What signs, the newest first.
    pub secrets: Vec<SecretString>,
    /// What it tells.
    pub event: WebhookEvent,
    /// Of what.
    pub data: Value,
    /// When that happened.
    pub created_at: DateTime<Utc>,
    /// Failures in a row so far.
    pub failures: usize,
    /// Which attempt this is, by which its end is told from that of an earlier one.
    pub(crate) attempt: i32,
}

/// Takes what is due, the longest due first, from endpoint to endpoint by way of the index, so that the cost is that of
/// the endpoints which something waits for. What others take at this moment is passed over.
const CLAIM: &str = "WITH RECURSIVE waiting (endpoint_id) AS ( \
        (SELECT endpoint_id FROM webhook_deliveries WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1) \
        UNION ALL \
        SELECT (SELECT next.endpoint_id FROM webhook_deliveries AS next \
            WHERE next.status = 'pending' AND next.endpoint_id > waiting.endpoint_id \
            ORDER BY next.endpoint_id LIMIT 1) \
        FROM waiting WHERE waiting.endpoint_id IS NOT NULL \
    ), due AS MATERIALIZED ( \
        SELECT mine.endpoint_id, mine.id, mine.due_at, endpoint.url, endpoint.secret, \
            CASE WHEN endpoint.previous_secret_until > now() THEN endpoint.previous_secret END AS previous_secret \
        FROM waiting JOIN webhook_endpoints AS endpoint ON endpoint.id = waiting.endpoint_id AND endpoint.enabled \
        CROSS JOIN LATERAL ( \
            SELECT endpoint_id, id, due_at FROM webhook_deliveries \
            WHERE endpoint_id = waiting.endpoint_id AND status = 'pending' AND due_at <= now() \
            ORDER BY due_at, id \
            LIMIT greatest(0, CASE WHEN endpoint.failing_since IS NULL THEN $2 ELSE 1 END \
                - (SELECT count(*) FROM unnest($3) AS busy (id) WHERE busy.id = endpoint.id)) \
            FOR UPDATE SKIP LOCKED \
        ) AS mine \
        ORDER BY mine.due_at, mine.id LIMIT $1 \
    ) \
    UPDATE webhook_deliveries AS delivery \
    SET attempts = delivery.attempts + 1, under_way = true, due_at = now() + $4 \
    FROM due WHERE delivery.endpoint_id = due.endpoint_id AND delivery.id = due.id \
    RETURNING delivery.endpoint_id, delivery.id, delivery.event, delivery.data, delivery.created_at, \
        delivery.attempts, delivery.failures, due.url, due.secret, due.previous_secret";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    endpoint_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Jsonb)]
    data: Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Text)]
    secret: String,
    #[diesel(sql_type = Nullable<Text>)]
    previous_secret: Option<String>,
}

/// Takes deliveries that are due, for as long as `limits` says. Any number of processes may do so side by side.
///
/// # Errors
/// See [`StorageError`]. What was taken meanwhile is taken again once its time has passed.
pub async fn webhook_deliveries_claim(
    database: &Database,
    limits: &ClaimLimits,
) -> Result<Vec<DueDelivery>, StorageError> {
    let in_hand: Vec<Uuid> = limits.in_hand.iter().map(|id| id.uuid()).collect();
    let claim = sql_query(CLAIM)
        .bind::<BigInt, _>(i64::from(limits.room))
        .bind::<BigInt, _>(i64::from(limits.per_endpoint))
        .bind::<Array<SqlUuid>, _>(in_hand)
        .bind::<Interval, _>(interval(limits.lease));
    let lease = database.lease().await?;
    let connection = lease.connection();
    let rows = lease
        .transact(async {
            let rows: Vec<Row> = Prepared(claim).load(&mut &*connection).await?;
            Ok(if rows.is_empty() {
                End::Rollback(rows)
            } else {
                End::Commit(rows)
            })
        })
        .await?;
    rows.into_iter().map(due_from_row).collect()
}

fn due_from_row(row: Row) -> Result<DueDelivery, StorageError> {
    Ok(DueDelivery {
        id: row.id.into(),
        endpoint_id: row.endpoint_id.into(),
        url: row.url,
        secrets: std::iter::once(row.secret)
            .chain(row.previous_secret)
            .map(SecretString::from)
            .collect(),
        event: word("webhook_deliveries.event", &row.event)?,
        data: row.data,
        created_at: row.created_at,
        failures: fit("webhook_deliveries.failures", row.failures)?,
        attempt: row.attempts,
    })
}
