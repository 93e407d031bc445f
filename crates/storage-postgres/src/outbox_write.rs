//! Writing into the table `outbox`, in the transaction of what the rows tell.

use std::time::Duration;

use diesel::{ExpressionMethods as _, IntoSql as _, QueryResult, sql_types::Interval};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Change, ChangeEvent, ProductId};
use futures_util::future::join_all;
use messages::{Envelope, Message, Work};

use crate::{
    error::StorageError,
    invalidations,
    outbox::{now, work_word},
    reconciler::interval,
    schema::outbox,
};

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
    let inserts = entries.iter().map(|entry| {
        diesel::insert_into(outbox::table)
            .values((
                outbox::account_id.eq(entry.account.map(AccountId::uuid)),
                outbox::work.eq(entry.work),
                outbox::type_name.eq(entry.type_name),
                outbox::message_id.eq(entry.envelope.message_id),
                outbox::correlation_id.eq(entry.envelope.correlation_id),
                outbox::request_id.eq(entry.envelope.request_id.as_deref()),
                outbox::traceparent.eq(entry.envelope.traceparent.as_deref()),
                outbox::body.eq(entry.body.as_slice()),
                outbox::available_at.eq(now() + interval(entry.hold).into_sql::<Interval>()),
            ))
            .execute(&mut &*connection)
    });
    join_all(inserts)
        .await
        .into_iter()
        .collect::<QueryResult<Vec<_>>>()?;
    Ok(())
}
