//! Writing into the table `outbox`, in the transaction of what the rows tell.

use std::time::Duration;

use diesel::{
    QueryResult, sql_query,
    sql_types::{Array, Bytea, Interval, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Change, ChangeEvent, ProductId};
use messages::{Envelope, Message, Work};

use crate::{
    error::StorageError, expression::Prepared, invalidations, outbox::work_word, reconciler::interval,
};

/// All rows in one statement, in their order. The columns travel as arrays, so that there is one text and one number of
/// parameters, however many rows there are.
const INSERT: &str = "INSERT INTO outbox \
        (account_id, work, type_name, message_id, correlation_id, request_id, traceparent, body, available_at) \
    SELECT account_id, work, type_name, message_id, correlation_id, request_id, traceparent, body, now() + hold \
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS entry \
        (account_id, work, type_name, message_id, correlation_id, request_id, traceparent, body, hold, place) \
    ORDER BY place";

/// What caused a message: it goes into the headers, so that logs and traces can be joined across processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The request.
    pub request_id: Option<String>,
    /// The trace, in the form of W3C Trace Context.
    pub traceparent: Option<String>,
}

/// A message that is to be written.
pub(crate) struct OutboxEntry {
    account: Option<AccountId>,
    work: &'static str,
    type_name: &'static str,
    envelope: Envelope,
    body: Vec<u8>,
    hold: Duration,
}

impl OutboxEntry {
    pub(crate) fn new<M: Message>(
        account: Option<AccountId>,
        message: &M,
        cause: &Cause,
    ) -> Result<Self, StorageError> {
        Self::to(M::WORK, account, message, cause)
    }

    /// A message that goes to the queue of another work than its family's.
    pub(crate) fn to<M: Message>(
        work: Work,
        account: Option<AccountId>,
        message: &M,
        cause: &Cause,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            account,
            work: work_word(work),
            type_name: message.type_name(),
            envelope: Envelope::first(
                message.image_id().uuid(),
                cause.request_id.clone(),
                cause.traceparent.clone(),
            ),
            body: message
                .encode()
                .map_err(|error| StorageError::value("a message", error))?,
            hold: Duration::ZERO,
        })
    }

    /// The same, not to be published before so much time has passed. Only drains of the backfill heed it.
    pub(crate) fn held_back(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Takes a product out of the cache that is of `version` now, and tells those who watch that it changed.
    pub(crate) fn invalidation(
        account: AccountId,
        product: ProductId,
        version: i64,
    ) -> Result<Self, StorageError> {
        let event = ChangeEvent::ProductUpdated;
        Self::change(&Change::of_product(event, account, product, version))
    }

    /// Takes a product out of the cache that has changed, and tells those who watch in what way.
    pub(crate) fn change(change: &Change) -> Result<Self, StorageError> {
        Ok(Self {
            account: Some(change.account_id),
            work: invalidations::WORK,
            type_name: invalidations::TYPE_NAME,
            envelope: Envelope::first(change.product_id.uuid(), None, None),
            body: invalidations::encode(change)?,
            hold: Duration::ZERO,
        })
    }
}

/// Writes rows. The table's trigger wakes whoever listens, once the transaction is committed.
pub(crate) async fn outbox_insert_in_txn(
    connection: &AsyncPgConnection,
    entries: &[OutboxEntry],
) -> QueryResult<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let column = |value: fn(&OutboxEntry) -> &str| entries.iter().map(value).collect::<Vec<_>>();
    let envelopes = || entries.iter().map(|entry| &entry.envelope);
    let accounts: Vec<_> = entries
        .iter()
        .map(|entry| entry.account.map(AccountId::uuid))
        .collect();
    let message_ids: Vec<_> = envelopes().map(|envelope| envelope.message_id).collect();
    let correlation_ids: Vec<_> = envelopes().map(|envelope| envelope.correlation_id).collect();
    let request_ids: Vec<_> = envelopes()
        .map(|envelope| envelope.request_id.as_deref())
        .collect();
    let traces: Vec<_> = envelopes()
        .map(|envelope| envelope.traceparent.as_deref())
        .collect();
    let bodies: Vec<_> = entries.iter().map(|entry| entry.body.as_slice()).collect();
    let holds: Vec<_> = entries.iter().map(|entry| interval(entry.hold)).collect();
    let insert = sql_query(INSERT)
        .bind::<Array<Nullable<SqlUuid>>, _>(accounts)
        .bind::<Array<Text>, _>(column(|entry| entry.work))
        .bind::<Array<Text>, _>(column(|entry| entry.type_name))
        .bind::<Array<SqlUuid>, _>(message_ids)
        .bind::<Array<SqlUuid>, _>(correlation_ids)
        .bind::<Array<Nullable<Text>>, _>(request_ids)
        .bind::<Array<Nullable<Text>>, _>(traces)
        .bind::<Array<Bytea>, _>(bodies)
        .bind::<Array<Interval>, _>(holds);
    Prepared(insert).execute(&mut &*connection).await?;
    Ok(())
}
