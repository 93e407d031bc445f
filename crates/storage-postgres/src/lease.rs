//! A connection that is out of the pool, and the transactions on it.
//!
//! All work goes through a shared reference to the connection, so that statements whose futures are joined travel
//! together: the server is asked the second before it has answered the first.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _, pooled_connection::deadpool::Object};
use futures_util::{FutureExt as _, TryFutureExt as _, future::try_join};
use resilience::Permit;

use crate::{database::Database, error::StorageError};

/// How a transaction ends, with what it was about.
pub(crate) enum End<T> {
    /// All of it stays.
    Commit(T),
    /// Nothing of it stays.
    Rollback(T),
}

/// A connection that is out of the pool.
///
/// It goes back only when all that was asked of it has been answered. If a caller drops the work half-way, or the
/// server does not answer in time, the connection is closed instead: with it the server drops an open transaction and
/// its locks, and nobody else waits behind the abandoned statement.
pub(crate) struct Lease {
    object: Option<Object<AsyncPgConnection>>,
    database: Database,
    /// Until the first work has ended, by which the server is judged.
    permit: Mutex<Option<Permit>>,
    under_way: AtomicBool,
}

impl Lease {
    pub(crate) fn new(object: Object<AsyncPgConnection>, permit: Option<Permit>, database: Database) -> Self {
        Self {
            object: Some(object),
            database,
            permit: Mutex::new(permit),
            under_way: AtomicBool::new(false),
        }
    }

    #[expect(clippy::expect_used, reason = "only `drop` takes the connection away")]
    pub(crate) fn connection(&self) -> &AsyncPgConnection {
        self.object
            .as_ref()
            .expect("a lease has a connection until it is dropped")
    }

    /// Waits for statements on this connection that need no transaction.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        self.judged(work).await
    }

    /// Carries out a transaction; `work` are its statements.
    ///
    /// The first of them travel together with the `BEGIN`, whose future is polled first, which sends it. Should the
    /// server refuse the `BEGIN`, it refuses them as well: outside a transaction these connections only read.
    pub(crate) async fn transact<T>(
        &self,
        work: impl Future<Output = Result<End<T>, StorageError>>,
    ) -> Result<T, StorageError> {
        // Boxed, since every layer from here on would hold it twice.
        self.judged(Box::pin(self.transaction("BEGIN READ WRITE", work)))
            .await
    }

    /// As [`Self::transact`], with a time limit of its own for the whole. Such work waits for others besides, so that
    /// the server is not judged by it.
    pub(crate) async fn transact_within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<End<T>, StorageError>>,
    ) -> Result<T, StorageError> {
        if let Some(permit) = self.take_permit() {
            permit.forget();
        }
        let begin = format!(
            "BEGIN READ WRITE; SET LOCAL idle_in_transaction_session_timeout = {}",
            limit.as_millis()
        );
        let outcome = self.within(limit, Box::pin(self.transaction(&begin, work))).await;
        self.database.settle(None, outcome.as_ref().err());
        outcome
    }

    async fn transaction<T>(
        &self,
        begin: &str,
        work: impl Future<Output = Result<End<T>, StorageError>>,
    ) -> Result<T, StorageError> {
        let mut connection = self.connection();
        let begin = connection.batch_execute(begin).map_err(unavailable);
        let ((), end) = try_join(begin, work.map(Ok)).await?;
        match end {
            Ok(End::Commit(value)) => self.conclude("COMMIT").await.map(|()| value),
            Ok(End::Rollback(value)) => self.conclude("ROLLBACK").await.map(|()| value),
            Err(error @ StorageError::Unavailable(_)) => Err(error),
            // The first error is the one to tell; a connection that cannot roll back is of no more use.
            Err(error) => match self.conclude("ROLLBACK").await {
                Ok(()) => Err(error),
                Err(rollback) => Err(StorageError::Unavailable(rollback.into())),
            },
        }
    }

    /// The last statement has a limit of its own: a transaction may have been given a long one, for something else.
    async fn conclude(&self, statement: &str) -> Result<(), StorageError> {
        let mut connection = self.connection();
        bounded(self.database.patience(), async {
            Ok(connection.batch_execute(statement).await?)
        })
        .await
    }

    /// Waits for `work`, by whose end the server is judged. Work that was under way in an outage is not waited for
    /// much longer than that: its connection is most likely dead.
    async fn judged<T>(
        &self,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let mut permit = self.take_permit();
        if let Some(permit) = &mut permit {
            permit.restart();
        }
        let outlived = self.database.outage().outlived();
        let outcome = self
            .within(self.database.patience(), async {
                tokio::select! {
                    biased;
                    outcome = work => outcome,
                    () = outlived => Err(StorageError::Unavailable("the connection did not outlive an outage".into())),
                }
            })
            .await;
        self.database.settle(permit, outcome.as_ref().err());
        outcome
    }

    fn take_permit(&self) -> Option<Permit> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for `work`, at most for `limit`.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        self.under_way.store(true, Ordering::Relaxed);
        let outcome = bounded(limit, work).await;
        let lost = matches!(outcome, Err(StorageError::Unavailable(_)));
        self.under_way.store(lost, Ordering::Relaxed);
        outcome
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if *self.under_way.get_mut()
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

fn unavailable(error: DieselError) -> StorageError {
    StorageError::Unavailable(error.into())
}

/// Waits for `work`, at most for `limit`; after that the server counts as gone.
pub(crate) async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|elapsed| Err(StorageError::Unavailable(elapsed.into())))
}

#[cfg(test)]
mod tests {
    use diesel::{ExpressionMethods as _, QueryDsl as _, dsl::count_star};
    use diesel_async::RunQueryDsl as _;

    use super::*;
    use crate::{config::DatabaseConfig, database::Database, schema::accounts};

    async fn add(connection: &AsyncPgConnection) -> Result<usize, StorageError> {
        let account = (accounts::id.eq(uuid::Uuid::now_v7()), accounts::name.eq("new"));
        let insert = diesel::insert_into(accounts::table).values(account);
        Ok(insert.execute(&mut &*connection).await?)
    }

    async fn count(database: &Database) -> i64 {
        let lease = database.lease().await.unwrap();
        let count = accounts::table.select(count_star());
        let count = count.get_result(&mut lease.connection()).await;
        count.unwrap()
    }

    #[tokio::test]
    async fn only_a_transaction_that_ends_well_writes() {
        let room = testkit::TestDatabase::create().await;
        let database = Database::new(&DatabaseConfig::from_url(room.url()).unwrap()).unwrap();
        let lease = database.lease().await.unwrap();
        let outside = lease.run(add(lease.connection())).await;
        assert!(matches!(outside, Err(StorageError::Database(_))), "{outside:?}");

        let undone = lease
            .transact(async { Ok(End::Rollback(add(lease.connection()).await?)) })
            .await;
        assert_eq!(undone.unwrap(), 1);
        let failed = lease.transact(async {
            add(lease.connection()).await?;
            Err::<End<()>, _>(StorageError::DuplicateSku)
        });
        failed.await.unwrap_err();
        assert_eq!(count(&database).await, 1);

        let done = lease
            .transact(async { Ok(End::Commit(add(lease.connection()).await?)) })
            .await;
        assert_eq!(done.unwrap(), 1);
        assert_eq!(count(&database).await, 2);
    }

    #[tokio::test]
    async fn a_transaction_that_cannot_begin_writes_nothing() {
        let room = testkit::TestDatabase::create().await;
        let database = Database::new(&DatabaseConfig::from_url(room.url()).unwrap()).unwrap();
        let lease = database.lease().await.unwrap();
        // A transaction that has failed refuses to begin, and everything else.
        let mut connection = lease.connection();
        connection.batch_execute("BEGIN; SELECT 1/0").await.unwrap_err();
        let failed = lease
            .transact(async { Ok(End::Commit(add(lease.connection()).await?)) })
            .await;
        assert!(matches!(failed, Err(StorageError::Unavailable(_))), "{failed:?}");
        drop(lease);
        assert_eq!(count(&database).await, 1);
    }
}
