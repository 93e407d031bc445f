//! The pool of connections.

use std::{fmt, time::Duration};

use deadpool::Runtime;
use diesel::{IntoSql as _, sql_types::Integer};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl as _,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool::Pool},
};

use crate::{
    config::{DatabaseConfig, Purpose},
    error::StorageError,
    lease::Lease,
};

/// How much longer than a statement may run the client waits for its end, before it takes the server for gone.
const GRACE: Duration = Duration::from_secs(5);

/// The database: a pool of connections, shared by its clones.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    statement_timeout: Duration,
    connect_timeout: Duration,
}

impl Database {
    /// Prepares a pool. Connections are made as they are needed, so this does not reach for the server yet.
    ///
    /// # Errors
    /// Settings that make no pool.
    pub fn new(config: &DatabaseConfig) -> Result<Self, StorageError> {
        let mut manager = ManagerConfig::default();
        // A closed connection is noticed without asking the server, and a question before each use costs a third of
        // the throughput.
        manager.recycling_method = RecyclingMethod::Fast;
        let manager = AsyncDieselConnectionManager::new_with_config(
            config.connection_string(Purpose::Service),
            manager,
        );
        let pool = Pool::builder(manager)
            .max_size(config.pool_size.max(1))
            .wait_timeout(Some(config.connect_timeout))
            .create_timeout(Some(config.connect_timeout))
            .recycle_timeout(Some(config.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::Config(error.into()))?;
        Ok(Self {
            pool,
            statement_timeout: config.statement_timeout,
            connect_timeout: config.connect_timeout,
        })
    }

    /// Asks the server for the simplest answer, within the time that a connection may take.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] or [`StorageError::TooBusy`].
    pub async fn check(&self) -> Result<(), StorageError> {
        let lease = self.lease().await?;
        let mut connection = lease.connection();
        let question = diesel::select(1_i32.into_sql::<Integer>());
        lease
            .within(self.connect_timeout, async {
                question.get_result::<i32>(&mut connection).await?;
                Ok(())
            })
            .await
    }

    /// Connections in use, and the most there may be.
    pub fn pool_usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.max_size)
    }

    /// A connection of the pool.
    pub(crate) async fn lease(&self) -> Result<Lease, StorageError> {
        Ok(Lease::new(self.pool.get().await?, self.statement_timeout + GRACE))
    }

    /// The longest that one statement may run.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.statement_timeout
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_use, most) = self.pool_usage();
        formatter
            .debug_struct("Database")
            .field("connections_in_use", &in_use)
            .field("connections_at_most", &most)
            .finish_non_exhaustive()
    }
}
