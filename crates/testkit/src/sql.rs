//! Looking into a database behind the program's back.

use diesel::{
    ConnectionError, QueryableByName,
    result::Error as QueryError,
    sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};

use crate::{TestDatabase, services};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

/// Why a look into a database gave nothing.
#[derive(Debug)]
pub enum LookError {
    /// The server does not answer, or does not let in.
    Connection(ConnectionError),
    /// The query failed.
    Query(QueryError),
}

impl TestDatabase {
    /// The rows of a query, each as a JSON object with a key for each column.
    ///
    /// # Errors
    /// Where the server is away or the query fails; with no bound in time of its own.
    pub async fn rows(&self, query: &str) -> Result<Vec<String>, LookError> {
        let mut connection = AsyncPgConnection::establish(self.url())
            .await
            .map_err(LookError::Connection)?;
        let query = format!("SELECT row_to_json(looked_at)::text AS row FROM ({query}) AS looked_at");
        let rows: Vec<Row> = sql_query(query)
            .load(&mut connection)
            .await
            .map_err(LookError::Query)?;
        Ok(rows.into_iter().map(|found| found.row).collect())
    }

    /// Carries out a statement.
    pub async fn execute(&self, statement: &str) {
        let mut connection = connect(self.url()).await;
        connection
            .batch_execute(statement)
            .await
            .unwrap_or_else(|error| panic!("`{statement}` failed: {error}"));
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let mut connection = connect(self.url()).await;
        let rows =
            sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result::<Count>(&mut connection);
        rows.await.expect("the rows can be counted").count
    }

    /// Ends every connection and takes no new ones, as if the server were away.
    pub async fn refuse_connections(&self) {
        let name = self.name();
        let mut admin = connect(&services().database_url).await;
        // One after the other: within one transaction somebody may connect again before the first is committed.
        for statement in [
            format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"),
        ] {
            admin
                .batch_execute(&statement)
                .await
                .expect("a database can be closed");
        }
    }

    /// Takes connections again.
    pub async fn accept_connections(&self) {
        let mut admin = connect(&services().database_url).await;
        let statement = format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", self.name());
        admin
            .batch_execute(&statement)
            .await
            .expect("a database can be opened");
    }
}

/// A transaction that keeps its locks until it is released.
pub struct Held(AsyncPgConnection);

impl Held {
    /// Lets go of the locks.
    pub async fn release(mut self) {
        self.0
            .batch_execute("ROLLBACK")
            .await
            .expect("a transaction can be given up");
    }

    /// Has the statement come true.
    ///
    /// # Panics
    /// Where the database is away.
    pub async fn commit(mut self) {
        self.0
            .batch_execute("COMMIT")
            .await
            .expect("a transaction can be committed");
    }
}

impl TestDatabase {
    /// Carries out a statement, and keeps the locks that it takes.
    pub async fn hold(&self, statement: &str) -> Held {
        let mut connection = connect(self.url()).await;
        connection
            .batch_execute(&format!("BEGIN; {statement}"))
            .await
            .expect("the locks can be had");
        Held(connection)
    }
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url)
        .await
        .expect("PostgreSQL answers; `make services` starts it")
}
