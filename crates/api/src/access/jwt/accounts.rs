//! Which accounts tokens may name: those that are there, remembered so that a call costs no question to the database.

use std::time::{Duration, Instant};

use domain::AccountId;
use moka::future::Cache;
use storage_postgres::{Database, StorageError, account_find};

/// How many names are remembered, those included that are nobody's.
const CAPACITY: u64 = 10_000;
/// How long an account is remembered. None is ever renamed or removed.
const FOUND_TTL: Duration = Duration::from_secs(600);
/// How long a name is nobody's: it may be made any moment.
const NOTHING_TTL: Duration = Duration::from_secs(3);
/// The longest name of an account, in characters.
const NAME_MAX: usize = 100;

pub(super) struct Accounts {
    database: Database,
    known: Cache<String, (Option<AccountId>, Instant)>,
}

impl Accounts {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            known: Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(FOUND_TTL)
                .build(),
        }
    }

    /// The account of a name.
    ///
    /// # Errors
    /// The database is away, and the name was not asked for before.
    pub(super) async fn find(&self, name: &str) -> Result<Option<AccountId>, StorageError> {
        if name.chars().count() > NAME_MAX {
            return Ok(None);
        }
        if let Some((found, read_at)) = self.known.get(name).await
            && (found.is_some() || read_at.elapsed() < NOTHING_TTL)
        {
            return Ok(found);
        }
        let found = account_find(&self.database, name).await?;
        self.known.insert(name.to_owned(), (found, Instant::now())).await;
        Ok(found)
    }
}
