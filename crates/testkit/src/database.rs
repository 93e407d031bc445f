//! A database per test.

use std::{
    env, fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use sha2::{Digest as _, Sha256};
use storage_postgres::DatabaseConfig;
use url::Url;

use crate::{
    apart::{clean_up, run_apart},
    services::{services, workspace_root},
    unique,
};

/// Begins the name of everything made here.
const PREFIX: &str = "pmstest_";
/// Databases older than this were left behind by tests that were killed.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);
/// Templates are kept this long: another checkout may have other migrations.
const TEMPLATE_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Held while a template is made; any number that nobody else uses.
const TEMPLATE_LOCK: i64 = 0x706d_7374_6573_7401;

/// Held while a database is filled.
const FILL_LOCK: i64 = 0x706d_7374_6573_7402;
/// A filled database is taken by whoever wants the same until it is this old, so that it is never swept while in use.
const FILLED_LIFE: Duration = Duration::from_secs(1_800);

/// A database with all migrations applied, and nothing else in it.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    /// True where others use it, now or soon.
    shared: bool,
}

impl TestDatabase {
    /// Copies one from a template, which is made on the first call for these migrations.
    pub async fn create() -> Self {
        run_apart(create).await
    }

    /// One that `statements` have filled, for tests that only read: it is filled once, and shared by all who name the
    /// same statements.
    pub async fn filled(statements: &'static str) -> Self {
        run_apart(|| filled(statements)).await
    }

    /// Where it is, with the user and the password to reach it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings for a pool on it.
    pub fn config(&self) -> DatabaseConfig {
        config_of(&self.url)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // To look at what a failing test has left.
        if self.shared || env::var_os("PMS_TEST_KEEP").is_some() {
            return;
        }
        let name = self.name.clone();
        clean_up(|| async move {
            if let Ok(mut admin) = AsyncPgConnection::establish(&services().database_url).await {
                drop_database(&mut admin, &name).await;
            }
        });
    }
}

#[derive(QueryableByName)]
struct Existing {
    #[diesel(sql_type = Text)]
    name: String,
    /// A template is closed to connections once it is complete.
    #[diesel(sql_type = Bool)]
    closed: bool,
}

impl Existing {
    /// Seconds since 1970, which stand in the name.
    fn made(&self) -> Option<u64> {
        self.name.strip_prefix(PREFIX)?.split('_').next()?.parse().ok()
    }

    fn is_template(&self) -> bool {
        self.name.contains("_template_")
    }
}

async fn create() -> TestDatabase {
    let mut admin = admin().await;
    let hash = migrations_hash();
    let existing = list(&mut admin).await;
    sweep(&mut admin, &existing, &hash).await;
    let template = match find_template(&existing, &hash) {
        Some(template) => template,
        None => template_make(&mut admin, &hash).await,
    };
    let name = format!("{PREFIX}{}_{}", now_seconds(), unique());
    execute(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    TestDatabase {
        url: url_of(&name),
        name,
        shared: false,
    }
}

async fn admin() -> AsyncPgConnection {
    AsyncPgConnection::establish(&services().database_url)
        .await
        .expect("PostgreSQL answers; `make services` starts it")
}

async fn filled(statements: &str) -> TestDatabase {
    let empty = create().await;
    let mut admin = admin().await;
    let hash = Sha256::new()
        .chain_update(migrations_hash())
        .chain_update(statements);
    let ending = format!("_filled_{}", word_of(hash));
    execute(&mut admin, &format!("SELECT pg_advisory_lock({FILL_LOCK})")).await;
    let existing = list(&mut admin).await;
    let young = existing.iter().find(|database| {
        let made = database.made().unwrap_or_default();
        database.name.ends_with(&ending) && now_seconds().saturating_sub(made) < FILLED_LIFE.as_secs()
    });
    let name = match young {
        Some(found) => found.name.clone(),
        None => fill(&mut admin, &empty, statements, &ending).await,
    };
    execute(&mut admin, &format!("SELECT pg_advisory_unlock({FILL_LOCK})")).await;
    TestDatabase {
        url: url_of(&name),
        name,
        shared: true,
    }
}

/// Fills a database, and gives it the name under which others find it once that is complete.
async fn fill(admin: &mut AsyncPgConnection, empty: &TestDatabase, statements: &str, ending: &str) -> String {
    let mut connection = AsyncPgConnection::establish(&empty.url)
        .await
        .expect("the database that was just made answers");
    execute(&mut connection, statements).await;
    execute(&mut connection, "VACUUM ANALYZE").await;
    drop(connection);
    let name = format!("{PREFIX}{}{ending}", now_seconds());
    drop_database(admin, &name).await;
    // The server waits some seconds for the connection to be gone.
    execute(admin, &format!("ALTER DATABASE {} RENAME TO {name}", empty.name)).await;
    name
}

async fn list(admin: &mut AsyncPgConnection) -> Vec<Existing> {
    let query = "SELECT datname::text AS name, NOT datallowconn AS closed FROM pg_database \
                 WHERE datname LIKE 'pmstest\\_%'";
    sql_query(query)
        .load(admin)
        .await
        .expect("databases can be listed")
}

fn find_template(existing: &[Existing], hash: &str) -> Option<String> {
    let mut complete = existing.iter().filter(|database| database.closed);
    complete
        .find(|database| database.is_template() && database.name.ends_with(hash))
        .map(|found| found.name.clone())
}

/// Makes the template, unless another process has done so while this one waited for its turn.
async fn template_make(admin: &mut AsyncPgConnection, hash: &str) -> String {
    execute(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let template = match find_template(&list(admin).await, hash) {
        Some(template) => template,
        None => {
            let template = format!("{PREFIX}{}_template_{hash}", now_seconds());
            drop_database(admin, &template).await;
            execute(admin, &format!("CREATE DATABASE {template}")).await;
            let config = config_of(&url_of(&template));
            storage_postgres::migrations::run(&config)
                .await
                .expect("the migrations can be applied");
            // Nobody can connect any more, so copies are never refused.
            execute(
                admin,
                &format!("ALTER DATABASE {template} WITH ALLOW_CONNECTIONS false"),
            )
            .await;
            template
        }
    };
    execute(admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    template
}

/// Drops what tests that were killed have left, and templates of migrations that are no more.
async fn sweep(admin: &mut AsyncPgConnection, existing: &[Existing], hash: &str) {
    let now = now_seconds();
    for database in existing {
        let bound = if database.is_template() {
            TEMPLATE_LIFE
        } else {
            LEFT_BEHIND
        };
        let is_old = database
            .made()
            .is_none_or(|made| now.saturating_sub(made) > bound.as_secs());
        let is_current = database.closed && database.name.ends_with(hash);
        if is_old && !is_current {
            drop_database(admin, &database.name).await;
        }
    }
}

/// Names the state of all migrations, files and content.
fn migrations_hash() -> String {
    let root = workspace_root().join("migrations");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().expect("the workspace has migrations");
        for entry in entries {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        // Checkouts in different folders share a template.
        let name = path.strip_prefix(&root).unwrap_or(&path);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update(fs::read(&path).expect("a migration can be read"));
    }
    word_of(hash)
}

fn word_of(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Another may have dropped it first, or be about to: neither matters.
async fn drop_database(admin: &mut AsyncPgConnection, name: &str) {
    let _ = admin
        .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .await;
}

async fn execute(admin: &mut AsyncPgConnection, statement: &str) {
    admin.batch_execute(statement).await.unwrap_or_else(|error| {
        panic!(
            "`{}` failed: {error}",
            statement.lines().next().unwrap_or_default()
        )
    });
}

fn url_of(name: &str) -> String {
    let mut url = Url::parse(&services().database_url).expect("PMS_TEST_DATABASE_URL is a URL");
    url.set_path(name);
    url.into()
}

fn config_of(url: &str) -> DatabaseConfig {
    DatabaseConfig::from_url(url).expect("PMS_TEST_DATABASE_URL names a database")
}

fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
