//! Changing and deleting an endpoint of webhooks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, NullableExpressionMethods as _, OptionalExtension as _,
    QueryDsl as _, SelectableHelper as _,
    sql_types::{Interval, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Expected, WebhookDraft, WebhookEndpoint, WebhookEndpointId};
use futures_util::future::join;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::{Prepared, greatest},
    idempotency::{IdempotencyClaim, StoredAnswer},
    lease::End,
    once::{Once, request_carry_out},
    product_update::{Deleted, Updated},
    reconciler::interval,
    schema::webhook_endpoints,
    webhook_endpoints::{EndpointRow, WebhookRefusal, endpoint_find, endpoint_from_row, topic_words},
};

/// How long the secret before signs beside a new one.
const ROTATION: Duration = Duration::from_hours(24);

macro_rules! endpoint_row {
    ($account:expr, $id:expr) => {
        webhook_endpoints::table
            .filter(webhook_endpoints::id.eq($id.uuid()))
            .filter(webhook_endpoints::account_id.eq($account.uuid()))
    };
}

/// Writes changes that can be seen, and reads what has become of the endpoint.
macro_rules! endpoint_write {
    ($connection:expr, $account:expr, $id:expr, $changes:expr) => {{
        let now = greatest(
            diesel::dsl::now.into_sql::<Timestamptz>(),
            webhook_endpoints::updated_at,
        );
        let seen = (
            webhook_endpoints::version.eq(webhook_endpoints::version + 1),
            webhook_endpoints::updated_at.eq(now),
        );
        let update = diesel::update(endpoint_row!($account, $id))
            .set(($changes, seen))
            .returning(EndpointRow::as_returning());
        Prepared(update)
            .get_result::<EndpointRow>(&mut &*$connection)
            .await
    }};
}

/// Changes an endpoint of an `expected` version to what `change` makes of it.
///
/// The version grows only if something changed. An endpoint that is enabled begins anew: what failed before counts no
/// more, and what waits for it is delivered.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_endpoint_update<E>(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
    change: impl FnOnce(&WebhookEndpoint) -> Result<WebhookDraft, E>,
) -> Result<Updated<E, WebhookEndpoint>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let endpoint = match endpoint_lock_in_txn(connection, account, id, expected).await? {
                Locked::Found(endpoint) => endpoint,
                Locked::NotFound => return Ok(End::Rollback(Updated::NotFound)),
                Locked::Mismatch { current } => {
                    return Ok(End::Rollback(Updated::VersionMismatch { current }));
                }
            };
            let draft = match change(&endpoint) {
                Ok(draft) => draft,
                Err(refusal) => return Ok(End::Rollback(Updated::Refused(refusal))),
            };
            if draft == endpoint.draft {
                return Ok(End::Rollback(Updated::Unchanged(endpoint)));
            }
            let switched = (draft.enabled != endpoint.draft.enabled).then_some((
                webhook_endpoints::disabled_reason.eq(None::<String>),
                webhook_endpoints::failing_since.eq(None::<DateTime<Utc>>),
            ));
            let decided = (
                webhook_endpoints::url.eq(draft.url.as_str()),
                webhook_endpoints::events.eq(topic_words(&draft)),
                webhook_endpoints::description.eq(draft.description.as_deref()),
                webhook_endpoints::enabled.eq(draft.enabled),
            );
            let changed = endpoint_write!(connection, account, id, (decided, switched))?;
            Ok(End::Commit(Updated::Changed(endpoint_from_row(changed)?)))
        })
        .await
}

/// Gives an endpoint of an `expected` version a new secret. The one before signs beside it for 24 hours; one from before
/// that does not any more. With a `claim`, the answer that `answer` makes of the endpoint is stored for whoever repeats the
/// request.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_secret_rotate(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
    secret: &SecretString,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&WebhookEndpoint) -> StoredAnswer,
) -> Result<Once<WebhookEndpoint, WebhookRefusal>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    request_carry_out(database, &lease, claim, answer, async {
        let until = diesel::dsl::now.into_sql::<Timestamptz>() + interval(ROTATION).into_sql::<Interval>();
        let secrets = (
            webhook_endpoints::previous_secret.eq(webhook_endpoints::secret.nullable()),
            webhook_endpoints::previous_secret_until.eq(until.nullable()),
            webhook_endpoints::secret.eq(secret.expose_secret()),
        );
        let Some(row) = endpoint_write!(connection, account, id, secrets).optional()? else {
            return Ok(Err(WebhookRefusal::NotFound));
        };
        let endpoint = endpoint_from_row(row)?;
        // What was replaced is known for certain once it is: that saves asking for it under a lock first.
        let current = endpoint.version - 1;
        if expected.is_some_and(|expected| !expected.allows(current)) {
            return Ok(Err(WebhookRefusal::VersionMismatch { current }));
        }
        Ok(Ok(endpoint))
    })
    .await
}

/// Deletes an endpoint of an `expected` version. Its deliveries are out of sight and out of reach from then on.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_endpoint_delete(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
) -> Result<Deleted, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let endpoint = match endpoint_lock_in_txn(connection, account, id, expected).await? {
                Locked::Found(endpoint) => endpoint,
                Locked::NotFound => return Ok(End::Rollback(Deleted::NotFound)),
                Locked::Mismatch { current } => {
                    return Ok(End::Rollback(Deleted::VersionMismatch { current }));
                }
            };
            diesel::delete(endpoint_row!(account, id))
                .execute(&mut &*connection)
                .await?;
            Ok(End::Commit(Deleted::Done {
                version: endpoint.version,
            }))
        })
        .await
}

enum Locked {
    Found(WebhookEndpoint),
    NotFound,
    Mismatch { current: i64 },
}

/// Locks an endpoint, and then reads it as it is under the lock.
async fn endpoint_lock_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: WebhookEndpointId,
    expected: Option<&Expected>,
) -> Result<Locked, StorageError> {
    let lock = endpoint_row!(account, id)
        .select(webhook_endpoints::id)
        .for_no_key_update()
        .first::<Uuid>(&mut &*connection);
    let (locked, found) = join(lock, endpoint_find(connection, account, id)).await;
    if locked.optional()?.is_none() {
        return Ok(Locked::NotFound);
    }
    Ok(match found? {
        None => Locked::NotFound,
        Some(endpoint) if expected.is_some_and(|expected| !expected.allows(endpoint.version)) => {
            Locked::Mismatch {
                current: endpoint.version,
            }
        }
        Some(endpoint) => Locked::Found(endpoint),
    })
}
