//! The pool of connections.

use std::{fmt, sync::Arc, time::Duration};

use deadpool::Runtime;
use diesel::{IntoSql as _, sql_types::Integer};
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures_util::FutureExt as _;
use resilience::Permit;
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::context::TokioContext;

use crate::{
    config::{DatabaseConfig, Purpose},
    error::StorageError,
    lease::Lease,
    outage::Outage,
};

/// How much longer than a statement may run the client waits for its end, before it takes the server for gone.
const GRACE: Duration = Duration::from_secs(2);
/// How many callers may wait for each connection of the pool: with the default settings somewhat more than
/// `server.max_in_flight` lets in. Beyond that a wait is hardly worth it.
const WAITING_EACH: usize = 32;

/// The database: a pool of connections, shared by its clones.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    /// Room for those who wait for a connection.
    waiting: Arc<Semaphore>,
    outage: Arc<Outage>,
    statement_timeout: Duration,
    connect_timeout: Duration,
}

impl Database {
    /// Prepares a pool. Connections are made as they are needed, so this does not reach for the server yet; whoever
    /// needs one, it is driven by the Tokio runtime that this is called in, and lasts as long as that.
    ///
    /// # Errors
    /// Settings that make no pool, and the want of a runtime.
    pub fn new(config: &DatabaseConfig) -> Result<Self, StorageError> {
        let runtime = Handle::try_current().map_err(|error| StorageError::Config(error.into()))?;
        let mut manager = ManagerConfig::default();
        // A web server's thread that needs a connection ends before those who use it last.
        manager.custom_setup = Box::new(move |address| {
            TokioContext::new(AsyncPgConnection::establish(address), runtime.clone()).boxed()
        });
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
            waiting: Arc::new(Semaphore::new(config.pool_size.max(1) * WAITING_EACH)),
            outage: Arc::new(Outage::new(config)),
            statement_timeout: config.statement_timeout,
            connect_timeout: config.connect_timeout,
        })
    }

    /// Asks the server for the simplest answer, within the time that a connection may take, and even where it is
    /// known to be away. Where it answers, calls are made again.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] or [`StorageError::TooBusy`].
    pub async fn check(&self) -> Result<(), StorageError> {
        let lease = Lease::new(self.checkout().await?, None, self.clone());
        let mut connection = lease.connection();
        let question = diesel::select(1_i32.into_sql::<Integer>());
        let answer = lease.within(self.connect_timeout, async {
            question.get_result::<i32>(&mut connection).await?;
            Ok(())
        });
        self.outage.breaker.look(StorageError::is_outage, answer).await
    }

    /// Connections in use, and the most there may be.
    pub fn pool_usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.max_size)
    }

    /// A connection of the pool; none while the server is known to be away.
    pub(crate) async fn lease(&self) -> Result<Lease, StorageError> {
        let permit = self.outage.admit()?;
        match self.checkout().await {
            Ok(object) => Ok(Lease::new(object, Some(permit), self.clone())),
            Err(error) => {
                if error.is_outage() {
                    self.settle(Some(permit), Some(&error));
                } else {
                    // That all connections are in use says nothing about the server.
                    permit.forget();
                }
                Err(error)
            }
        }
    }

    async fn checkout(&self) -> Result<Object<AsyncPgConnection>, StorageError> {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| StorageError::TooBusy("too many calls wait for a connection".into()))?;
        Ok(self.pool.get().await?)
    }

    /// A call has ended, with or without an error.
    pub(crate) fn settle(&self, permit: Option<Permit>, error: Option<&StorageError>) {
        if let Some(permit) = permit {
            permit.end(error.is_some_and(StorageError::is_outage));
        }
        if matches!(error, Some(StorageError::Unavailable(_))) {
            // Where one connection is dead the others may be, too, and each would cost a call.
            self.pool.retain(|_, _| false);
        }
        self.outage.look_out();
    }

    pub(crate) fn outage(&self) -> &Outage {
        &self.outage
    }

    /// How long the client waits for statements that may each run for the statement timeout.
    pub(crate) fn patience(&self) -> Duration {
        self.statement_timeout + GRACE
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
