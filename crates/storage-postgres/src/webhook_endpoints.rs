//! The table `webhook_endpoints`: creating an endpoint, and reading it.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable,
    SelectableHelper as _, dsl::count_star, pg::Pg,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, WebhookDraft, WebhookEndpoint, WebhookEndpointId, webhook::ENDPOINTS_MAX};
use futures_util::future::join;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    idempotency::{IdempotencyClaim, StoredAnswer},
    images::word,
    once::{Once, request_carry_out},
    schema::{accounts, webhook_endpoints},
};

/// An endpoint that is to be created.
#[derive(Clone, Debug)]
pub struct NewWebhookEndpoint {
    /// A new identifier.
    pub id: WebhookEndpointId,
    /// Whose it will be.
    pub account_id: AccountId,
    /// What its owner has decided.
    pub draft: WebhookDraft,
    /// What will sign its deliveries.
    pub secret: SecretString,
}

/// Why what was asked for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookRefusal {
    /// The account has no such endpoint, or the endpoint no such delivery.
    NotFound,
    /// The endpoint is not of the version that the caller expected.
    VersionMismatch {
        /// The version that it is of.
        current: i64,
    },
    /// Nothing is delivered to the endpoint.
    Disabled,
    /// The account has [`ENDPOINTS_MAX`] already.
    TooMany,
}

/// Creates an endpoint. With a `claim`, the answer that `answer` makes of it is stored for whoever repeats the request.
///
/// # Errors
/// See [`StorageError`]. Nothing stays of what failed.
pub async fn webhook_endpoint_create(
    database: &Database,
    new: &NewWebhookEndpoint,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&WebhookEndpoint) -> StoredAnswer,
) -> Result<Once<WebhookEndpoint, WebhookRefusal>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    request_carry_out(database, &lease, claim, answer, async {
        if endpoints_lock_and_count_in_txn(connection, new.account_id).await? >= ENDPOINTS_MAX {
            return Ok(Err(WebhookRefusal::TooMany));
        }
        Ok(Ok(endpoint_insert_in_txn(connection, new).await?))
    })
    .await
}

/// Fetches an endpoint.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_endpoint_get(
    database: &Database,
    account: AccountId,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpoint>, StorageError> {
    let lease = database.lease().await?;
    lease.run(endpoint_find(lease.connection(), account, id)).await
}

/// Fetches all endpoints of an account, the oldest first. There are [`ENDPOINTS_MAX`] at most.
///
/// # Errors
/// See [`StorageError`].
pub async fn webhook_endpoint_list(
    database: &Database,
    account: AccountId,
) -> Result<Vec<WebhookEndpoint>, StorageError> {
    let lease = database.lease().await?;
    let question = webhook_endpoints::table
        .filter(webhook_endpoints::account_id.eq(account.uuid()))
        .order(webhook_endpoints::id.asc())
        .select(EndpointRow::as_select());
    let rows: Vec<EndpointRow> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    rows.into_iter().map(endpoint_from_row).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints, check_for_backend(Pg))]
pub(crate) struct EndpointRow {
    id: Uuid,
    account_id: Uuid,
    url: String,
    events: Vec<String>,
    description: Option<String>,
    enabled: bool,
    disabled_reason: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub(crate) fn endpoint_from_row(row: EndpointRow) -> Result<WebhookEndpoint, StorageError> {
    let events = row.events.iter();
    Ok(WebhookEndpoint {
        id: row.id.into(),
        account_id: row.account_id.into(),
        draft: WebhookDraft {
            url: row.url,
            events: events
                .map(|event| word("webhook_endpoints.events", event))
                .collect::<Result<_, _>>()?,
            description: row.description,
            enabled: row.enabled,
        },
        disabled_reason: row
            .disabled_reason
            .map(|reason| word("webhook_endpoints.disabled_reason", &reason))
            .transpose()?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Reads an endpoint.
pub(crate) async fn endpoint_find(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpoint>, StorageError> {
    let found: Option<EndpointRow> = webhook_endpoints::table
        .filter(webhook_endpoints::id.eq(id.uuid()))
        .filter(webhook_endpoints::account_id.eq(account.uuid()))
        .select(EndpointRow::as_select())
        .first(&mut &*connection)
        .await
        .optional()?;
    found.map(endpoint_from_row).transpose()
}

/// The words of topics, as the table has them.
pub(crate) fn topic_words(draft: &WebhookDraft) -> Vec<&'static str> {
    draft.events.iter().map(|topic| topic.as_str()).collect()
}

/// Counts the endpoints of an account, and keeps others from adding any meanwhile.
async fn endpoints_lock_and_count_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
) -> Result<usize, StorageError> {
    // Products refer to the account as well, and do not wait for this lock.
    let lock = accounts::table
        .filter(accounts::id.eq(account.uuid()))
        .select(accounts::id)
        .for_no_key_update()
        .first::<Uuid>(&mut &*connection);
    let count = webhook_endpoints::table
        .filter(webhook_endpoints::account_id.eq(account.uuid()))
        .select(count_star())
        .first::<i64>(&mut &*connection);
    let (locked, count) = join(lock, count).await;
    locked?;
    fit("a count", count?)
}

async fn endpoint_insert_in_txn(
    connection: &AsyncPgConnection,
    new: &NewWebhookEndpoint,
) -> Result<WebhookEndpoint, StorageError> {
    let draft = &new.draft;
    let row: EndpointRow = diesel::insert_into(webhook_endpoints::table)
        .values((
            webhook_endpoints::id.eq(new.id.uuid()),
            webhook_endpoints::account_id.eq(new.account_id.uuid()),
            webhook_endpoints::url.eq(draft.url.as_str()),
            webhook_endpoints::events.eq(topic_words(draft)),
            webhook_endpoints::description.eq(draft.description.as_deref()),
            webhook_endpoints::enabled.eq(draft.enabled),
            webhook_endpoints::secret.eq(new.secret.expose_secret()),
        ))
        .returning(EndpointRow::as_returning())
        .get_result(&mut &*connection)
        .await?;
    endpoint_from_row(row)
}
