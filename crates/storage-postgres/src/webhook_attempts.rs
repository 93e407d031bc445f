//! Noting how attempts at deliveries went.

use std::time::Duration;

use diesel::{
    sql_query,
    sql_types::{Bool, Integer, Interval, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{WebhookAttempt, WebhookDeliveryStatus, WebhookDisabledReason};
use futures_util::future::join3;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    database::Database, error::StorageError, expression::Prepared, lease::End, reconciler::interval,
    webhook_claims::DueDelivery,
};

/// How an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The endpoint has taken it.
    Delivered,
    /// It has not; another attempt follows after this time.
    Retry(Duration),
    /// It has not, and no attempt follows.
    Failed,
    /// It wants to hear nothing any more, and is disabled.
    Gone,
}

/// What came of noting an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryEnd {
    /// True where it was noted; another attempt may have begun since, and has the last word then.
    pub noted: bool,
    /// True where the endpoint was disabled by it.
    pub disabled: bool,
}

const SUCCEED: &str =
    "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";

const FAIL: &str =
    "UPDATE webhook_endpoints SET failing_since = now() WHERE id = $1 AND failing_since IS NULL";

/// An endpoint that is disabled already stays as it is.
const DISABLE: &str = "UPDATE webhook_endpoints \
    SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = greatest(now(), updated_at) \
    WHERE id = $1 AND enabled AND ($3 OR failing_since < now() - $4)";

/// The log is bounded: somebody may ask for another attempt again and again.
const NOTE: &str = "UPDATE webhook_deliveries SET status = $4, under_way = false, due_at = now() + $5, \
    ended_at = CASE WHEN $5 IS NULL THEN now() END, failures = CASE WHEN $6 THEN 0 ELSE failures + 1 END, \
    attempt_log = (CASE WHEN jsonb_array_length(attempt_log) < 50 THEN attempt_log ELSE attempt_log - 0 END) || $7 \
    WHERE endpoint_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'";

/// Notes how an attempt has ended. An endpoint that has taken nothing for longer than `disable_after` is disabled, and
/// so is one that is gone. What waits for it stays where it is.
///
/// # Errors
/// See [`StorageError`]. The delivery is attempted again then, once its time has passed.
pub async fn webhook_attempt_end(
    database: &Database,
    delivery: &DueDelivery,
    attempt: &WebhookAttempt,
    end: AttemptEnd,
    disable_after: Duration,
) -> Result<DeliveryEnd, StorageError> {
    let log = serde_json::to_value([attempt])
        .map_err(|error| StorageError::value("webhook_deliveries.attempt_log", error))?;
    let lease = database.lease().await?;
    let connection = lease.connection();
    let endpoint = delivery.endpoint_id.uuid();
    lease
        .transact(async {
            let (health, disabled, noted) = join3(
                Prepared(
                    sql_query(if end == AttemptEnd::Delivered {
                        SUCCEED
                    } else {
                        FAIL
                    })
                    .bind::<SqlUuid, _>(endpoint),
                )
                .execute(&mut &*connection),
                endpoint_disable_in_txn(connection, endpoint, end, disable_after),
                delivery_note_in_txn(connection, delivery, end, &log),
            )
            .await;
            health?;
            Ok(End::Commit(DeliveryEnd {
                disabled: disabled?,
                noted: noted?,
            }))
        })
        .await
}

async fn endpoint_disable_in_txn(
    connection: &AsyncPgConnection,
    endpoint: Uuid,
    end: AttemptEnd,
    disable_after: Duration,
) -> Result<bool, StorageError> {
    let reason = match end {
        AttemptEnd::Delivered => return Ok(false),
        AttemptEnd::Gone => WebhookDisabledReason::Gone,
        AttemptEnd::Retry(_) | AttemptEnd::Failed => WebhookDisabledReason::Failing,
    };
    let disable = sql_query(DISABLE)
        .bind::<SqlUuid, _>(endpoint)
        .bind::<Text, _>(reason.as_str())
        .bind::<Bool, _>(end == AttemptEnd::Gone)
        .bind::<Interval, _>(interval(disable_after));
    Ok(Prepared(disable).execute(&mut &*connection).await? > 0)
}

async fn delivery_note_in_txn(
    connection: &AsyncPgConnection,
    delivery: &DueDelivery,
    end: AttemptEnd,
    log: &Value,
) -> Result<bool, StorageError> {
    let (status, pause) = match end {
        AttemptEnd::Delivered => (WebhookDeliveryStatus::Delivered, None),
        AttemptEnd::Retry(pause) => (WebhookDeliveryStatus::Pending, Some(interval(pause))),
        AttemptEnd::Failed | AttemptEnd::Gone => (WebhookDeliveryStatus::Failed, None),
    };
    let note = sql_query(NOTE)
        .bind::<SqlUuid, _>(delivery.endpoint_id.uuid())
        .bind::<SqlUuid, _>(delivery.id.uuid())
        .bind::<Integer, _>(delivery.attempt)
        .bind::<Text, _>(status.as_str())
        .bind::<Nullable<Interval>, _>(pause)
        .bind::<Bool, _>(end == AttemptEnd::Delivered)
        .bind::<Jsonb, _>(log);
    Ok(Prepared(note).execute(&mut &*connection).await? > 0)
}
