//! Connections to Redis: a shared one for reads, a few that a script has to itself.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use deadpool_redis::{Manager, Pool, Runtime};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::{
    runtime::Handle,
    time::{error::Elapsed, timeout},
};
use tokio_util::context::TokioContext;

use crate::{config::CacheConfig, error::Error};

/// How long one attempt to connect may take in the background; no caller waits for it longer than for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The shared connection is replaced after a timeout only if it has had this long to come about.
const RENEW_AFTER: Duration = Duration::from_secs(2);
/// Connections for scripts.
const POOL_SIZE: usize = 8;
/// Commands that wait for the shared connection to be written.
const WRITE_QUEUE: usize = 1_024;

#[derive(Clone)]
struct Shared {
    manager: ConnectionManager,
    since: Instant,
}

/// All connections of one cache.
pub(crate) struct Link {
    client: Client,
    shared: RwLock<Shared>,
    pool: Pool,
    response_timeout: Duration,
    /// Drives all connections: a web server's thread that needs one ends before those who use it last.
    runtime: Handle,
}

impl Link {
    /// Must be called within a Tokio runtime, which then connects in the background.
    pub(crate) fn new(config: &CacheConfig) -> Result<Self, Error> {
        let bound = config.response_timeout;
        let info = config.connection_info()?;
        let client = Client::open(info.clone()).map_err(|error| as_config(&error))?;
        let connections = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(bound));
        let manager = Manager::new_with_config(info, connections).map_err(|error| as_config(&error))?;
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .wait_timeout(Some(bound))
            .create_timeout(Some(bound))
            .recycle_timeout(Some(bound))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| as_config(&error))?;
        let shared = connect(&client, bound)?;
        Ok(Self {
            client,
            shared: RwLock::new(shared),
            pool,
            response_timeout: bound,
            runtime: Handle::current(),
        })
    }

    /// Sends a command over the shared connection.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let mut shared = self.shared();
        let asking = command.query_async(&mut shared.manager);
        let answer = timeout(self.response_timeout, self.driven(asking)).await;
        self.judge(&shared, answer)
    }

    /// Sends commands together over the shared connection.
    pub(crate) async fn pipeline<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Error> {
        let mut shared = self.shared();
        let asking = commands.query_async(&mut shared.manager);
        let answer = timeout(self.response_timeout, self.driven(asking)).await;
        self.judge(&shared, answer)
    }

    /// Runs a script over the shared connection.
    pub(crate) async fn shared_script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Error> {
        let mut shared = self.shared();
        let asking = script.invoke_async(&mut shared.manager);
        let answer = timeout(self.response_timeout, self.driven(asking)).await;
        self.judge(&shared, answer)
    }

    fn shared(&self) -> Shared {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judge<T>(&self, shared: &Shared, answer: Result<RedisResult<T>, Elapsed>) -> Result<T, Error> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_timeout() {
                    self.renew(shared.since);
                }
                Err(Error::unavailable(&error))
            }
            Err(_) => {
                self.renew(shared.since);
                Err(too_slow(self.response_timeout))
            }
        }
    }

    /// Runs a script on a connection of its own.
    pub(crate) async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.alone(async |connection| script.invoke_async(connection).await)
            .await
    }

    /// Sends commands together on a connection of their own.
    pub(crate) async fn pipeline_alone(&self, commands: &Pipeline) -> Result<(), Error> {
        self.alone(async |connection| commands.query_async(connection).await)
            .await
    }

    async fn alone<T>(
        &self,
        work: impl AsyncFnOnce(&mut deadpool_redis::Connection) -> RedisResult<T>,
    ) -> Result<T, Error> {
        let bound = self.response_timeout * 2;
        // Boxed, since it is large, and carried through several layers.
        let answer = Box::pin(timeout(bound, async {
            let mut connection = self
                .driven(self.pool.get())
                .await
                .map_err(|error| Error::unavailable(&error))?;
            match work(&mut connection).await {
                Ok(value) => Ok(value),
                Err(error) => {
                    // Whatever state it is in, nobody else shall meet it.
                    drop(deadpool_redis::Connection::take(connection));
                    Err(Error::unavailable(&error))
                }
            }
        }));
        answer.await.unwrap_or_else(|_| Err(too_slow(bound)))
    }

    /// What the future spawns, such as the driver of a new connection, is spawned where it lasts.
    fn driven<F: Future>(&self, future: F) -> TokioContext<F> {
        TokioContext::new(future, self.runtime.clone())
    }

    /// Puts a new connection in the place of one that hangs: the library replaces those that break, but waits for
    /// ever on one whose other end has gone without a word.
    fn renew(&self, since: Instant) {
        if since.elapsed() < RENEW_AFTER {
            return;
        }
        let _context = self.runtime.enter();
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have done it.
        if shared.since == since
            && let Ok(fresh) = connect(&self.client, self.response_timeout)
        {
            *shared = fresh;
        }
    }
}

fn connect(client: &Client, response_timeout: Duration) -> Result<Shared, Error> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
        .set_number_of_retries(1)
        .set_max_delay(CONNECT_TIMEOUT)
        .set_pipeline_buffer_size(WRITE_QUEUE);
    let manager =
        ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(|error| as_config(&error))?;
    // A lazy connection moves on only while somebody waits for it, and callers do not wait for long.
    let mut driver = manager.clone();
    tokio::spawn(async move {
        if let Err(error) = driver.send_packed_command(&redis::cmd("PING")).await {
            tracing::debug!(%error, "could not connect to Redis");
        }
    });
    Ok(Shared {
        manager,
        since: Instant::now(),
    })
}

pub(crate) fn as_config(error: &impl ToString) -> Error {
    Error::Config {
        reason: error.to_string(),
    }
}

fn too_slow(bound: Duration) -> Error {
    Error::unavailable(&format!("no answer within {} ms", bound.as_millis()))
}
