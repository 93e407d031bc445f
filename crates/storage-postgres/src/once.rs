//! Requests that are carried out once, however often they are sent.

use std::{convert::Infallible, time::Duration};

use diesel_async::AsyncPgConnection;

use crate::{
    database::Database,
    error::StorageError,
    idempotency::{Claimed, IdempotencyClaim, StoredAnswer, answer_store_in_txn, key_claim_in_txn},
    lease::{End, Lease},
};

/// What came of a request that is carried out once for each key; `R` is the reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once<T, R = Infallible> {
    /// It was carried out just now.
    Fresh(T),
    /// The key was used before, for the same request; this was the answer then.
    Replayed(StoredAnswer),
    /// The key was used before, for another request.
    KeyReused,
    /// The first request with this key is still running, and was waited for long enough.
    KeyInUse,
    /// It cannot be done as things are. The key is free.
    Refused(R),
}

/// Carries out a request in a transaction on `lease`. With a `claim`, the answer that `answer` makes of what `work` did is
/// committed with it for whoever repeats the request, who is answered before anything is judged. Nothing stays of what
/// `work` refuses, even if it has written.
pub(crate) async fn request_carry_out<T, R>(
    database: &Database,
    lease: &Lease,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&T) -> StoredAnswer,
    work: impl Future<Output = Result<Result<T, R>, StorageError>>,
) -> Result<Once<T, R>, StorageError> {
    let connection = lease.connection();
    lease
        .transact(async {
            if let Some(end) = answered_before_in_txn(connection, claim, database.statement_timeout()).await?
            {
                return Ok(End::Rollback(end));
            }
            let done = match work.await? {
                Ok(done) => done,
                Err(refusal) => return Ok(End::Rollback(Once::Refused(refusal))),
            };
            if let Some(claim) = claim {
                answer_store_in_txn(connection, claim, &answer(&done)).await?;
            }
            Ok(End::Commit(Once::Fresh(done)))
        })
        .await
}

/// How a request ends that came before with the same key; none where it is the first, or has no key.
pub(crate) async fn answered_before_in_txn<T, R>(
    connection: &AsyncPgConnection,
    claim: Option<&IdempotencyClaim>,
    statement_timeout: Duration,
) -> Result<Option<Once<T, R>>, StorageError> {
    let Some(claim) = claim else { return Ok(None) };
    Ok(
        match key_claim_in_txn(connection, claim, statement_timeout).await? {
            Claimed::Fresh { .. } => None,
            Claimed::Answered(answer) => Some(Once::Replayed(answer)),
            Claimed::Reused => Some(Once::KeyReused),
            Claimed::InUse => Some(Once::KeyInUse),
        },
    )
}
