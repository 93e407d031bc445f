//! The table `idempotency_keys`: the first answer to a request, for whoever repeats it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, Queryable, Selectable,
    SelectableHelper as _, pg::Pg, result::Error as DieselError, sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::AccountId;
use futures_util::future::join5;

use crate::{
    database::Database,
    error::{StorageError, fit, is_lock_timeout},
    expression::{DayAgo, Prepared, set_config},
    purge::rows_purge,
    schema::idempotency_keys,
};

/// How long a repetition waits for the first request to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer is kept; it is repeated for as long as [`DayAgo`] says.
const KEPT: Duration = Duration::from_hours(24);

const PURGE: &str = "DELETE FROM idempotency_keys WHERE id IN ( \
    SELECT id FROM idempotency_keys WHERE created_at < now() - $1 \
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// A request that wants to be carried out once, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Whose request it is.
    pub account: AccountId,
    /// What the caller calls it.
    pub key: String,
    /// The method; the same key may be used for another.
    pub method: String,
    /// The path; the same key may be used for another.
    pub path: String,
    /// SHA-256 of what a repetition has to equal.
    pub fingerprint: [u8; 32],
}

/// An answer as it was sent, to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status code.
    pub status: u16,
    /// Headers that belong to the answer.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Deletes the answers that are too old to be repeated, a bounded number in each statement, and counts them.
///
/// # Errors
/// See [`StorageError`].
pub async fn idempotency_purge(database: &Database) -> Result<usize, StorageError> {
    rows_purge(database, PURGE, KEPT).await
}

macro_rules! scope {
    ($claim:expr) => {
        idempotency_keys::table
            .filter(idempotency_keys::account_id.eq($claim.account.uuid()))
            .filter(idempotency_keys::method.eq($claim.method.as_str()))
            .filter(idempotency_keys::path.eq($claim.path.as_str()))
            .filter(idempotency_keys::key.eq($claim.key.as_str()))
    };
}

/// What is known of a key that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownKey {
    /// It came with the same request; this was the answer.
    Answered(StoredAnswer),
    /// It came with another request.
    Reused,
}

/// Looks whether the request of a key was answered before, without claiming the key: whoever goes on has to claim it.
///
/// # Errors
/// See [`StorageError`].
pub async fn idempotency_find(
    database: &Database,
    claim: &IdempotencyClaim,
) -> Result<Option<KnownKey>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    let row = lease
        .run(async {
            let found = scope!(claim)
                .filter(idempotency_keys::created_at.ge(DayAgo))
                .select(Row::as_select())
                .first::<Row>(&mut &*connection)
                .await;
            Ok(found.optional()?)
        })
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(match answer_read(row, claim)? {
        Claimed::Answered(answer) => Some(KnownKey::Answered(answer)),
        Claimed::Reused => Some(KnownKey::Reused),
        Claimed::Fresh { .. } | Claimed::InUse => None,
    })
}

/// What came of claiming a key.
pub(crate) enum Claimed {
    /// It is the caller's now, and has to be answered in this transaction.
    Fresh {
        /// The time of the transaction.
        now: DateTime<Utc>,
    },
    /// It was answered before.
    Answered(StoredAnswer),
    /// It was used for another request.
    Reused,
    /// The first request with it did not end in time. The transaction can only be rolled back.
    InUse,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency_keys, check_for_backend(Pg))]
struct Row {
    fingerprint: Vec<u8>,
    response_status: Option<i16>,
    response_headers: Option<serde_json::Value>,
    response_body: Option<Vec<u8>>,
}

/// Claims a key. While another transaction holds it, the insertion waits for that one to end.
pub(crate) async fn key_claim_in_txn(
    connection: &AsyncPgConnection,
    claim: &IdempotencyClaim,
    statement_timeout: Duration,
) -> Result<Claimed, StorageError> {
    // Give up a little before the server would give up the statement.
    let patience = PATIENCE.min(statement_timeout.mul_f32(0.8));
    let patience = format!("{}ms", patience.as_millis());
    let now = diesel::dsl::now.into_sql::<Timestamptz>();
    let (configured, expired, inserted, found, now) = join5(
        diesel::select(set_config("lock_timeout", patience, true)).get_result::<String>(&mut &*connection),
        diesel::delete(scope!(claim).filter(idempotency_keys::created_at.lt(DayAgo)))
            .execute(&mut &*connection),
        diesel::insert_into(idempotency_keys::table)
            .values((
                idempotency_keys::account_id.eq(claim.account.uuid()),
                idempotency_keys::method.eq(claim.method.as_str()),
                idempotency_keys::path.eq(claim.path.as_str()),
                idempotency_keys::key.eq(claim.key.as_str()),
                idempotency_keys::fingerprint.eq(claim.fingerprint.as_slice()),
            ))
            .on_conflict_do_nothing()
            .execute(&mut &*connection),
        scope!(claim)
            .select(Row::as_select())
            .first::<Row>(&mut &*connection),
        diesel::select(now).get_result::<DateTime<Utc>>(&mut &*connection),
    )
    .await;
    configured?;
    let waited_in_vain = |error: &DieselError| is_lock_timeout(error);
    match (expired, inserted) {
        (Err(error), _) | (_, Err(error)) if waited_in_vain(&error) => Ok(Claimed::InUse),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
        (Ok(_), Ok(0)) => found
            .optional()?
            .map_or(Ok(Claimed::InUse), |row| answer_read(row, claim)),
        (Ok(_), Ok(_)) => Ok(Claimed::Fresh { now: now? }),
    }
}

/// Stores the answer to a key that this transaction has claimed.
pub(crate) async fn answer_store_in_txn(
    connection: &AsyncPgConnection,
    claim: &IdempotencyClaim,
    answer: &StoredAnswer,
) -> Result<(), StorageError> {
    let headers =
        serde_json::to_value(&answer.headers).map_err(|error| StorageError::value("headers", error))?;
    let update = diesel::update(scope!(claim)).set((
        idempotency_keys::response_status.eq(fit::<_, i16>("a status code", answer.status)?),
        idempotency_keys::response_headers.eq(headers),
        idempotency_keys::response_body.eq(answer.body.as_slice()),
    ));
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}

fn answer_read(row: Row, claim: &IdempotencyClaim) -> Result<Claimed, StorageError> {
    if row.fingerprint != claim.fingerprint {
        return Ok(Claimed::Reused);
    }
    let (Some(status), Some(headers), Some(body)) =
        (row.response_status, row.response_headers, row.response_body)
    else {
        return Ok(Claimed::InUse);
    };
    Ok(Claimed::Answered(StoredAnswer {
        status: fit("idempotency_keys.response_status", status)?,
        headers: serde_json::from_value(headers)
            .map_err(|error| StorageError::value("idempotency_keys.response_headers", error))?,
        body,
    }))
}
