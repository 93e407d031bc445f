//! The keys that this process remembers, so that a call costs no question to the database.
//!
//! The database tells of every change of a key, and then all are read anew as they are used. While it cannot be heard, a
//! key is good for a few seconds after it was read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use domain::ApiKeyId;
use moka::future::Cache;
use storage_postgres::{ApiKey, Database, StorageError, api_key_find};

use super::{Caller, Credential, Refusal, token::Token};

/// How many keys are remembered, those included that do not exist.
const CAPACITY: u64 = 10_000;
/// How long a key is remembered while changes are heard of.
const HEARING_TTL: Duration = Duration::from_secs(600);
/// How long while they are not.
const DEAF_TTL: Duration = Duration::from_secs(3);

/// The keys that this process remembers. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    database: Database,
    known: Cache<ApiKeyId, Known>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Whether changes are heard of.
    is_hearing: AtomicBool,
    /// How often something was heard of; what was read before that is read anew.
    changes: AtomicU64,
}

/// A key as it was read, or that there was none.
#[derive(Clone)]
struct Known {
    key: Option<Arc<ApiKey>>,
    read_at: Instant,
    /// [`State::changes`] from before it was read.
    changes: u64,
}

impl Keyring {
    /// Keys of this database; nothing is remembered yet, and nothing heard.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            known: Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(HEARING_TTL)
                .build(),
            state: Arc::default(),
        }
    }

    /// Keys have changed, or may have; from now on changes are heard of.
    pub fn forget(&self) {
        self.state.changes.fetch_add(1, Ordering::AcqRel);
        self.state.is_hearing.store(true, Ordering::Release);
    }

    /// From now on changes are not heard of.
    pub fn hears_nothing(&self) {
        self.state.is_hearing.store(false, Ordering::Release);
    }

    /// True where a token can be judged without a question to the database, or its secret was a good one a while ago: that
    /// nobody can make up.
    pub(super) async fn knows(&self, token: &Token) -> bool {
        let Some(known) = self.known.get(&token.id).await else {
            return false;
        };
        self.is_fresh(&known) || known.key.is_some_and(|key| token.is_of(&key.secret_hash))
    }

    pub(super) async fn admit(&self, token: &Token) -> Result<Caller, Refusal> {
        let key = self.find(token.id).await?.ok_or(Refusal::Bad)?;
        if !token.is_of(&key.secret_hash) || !key.is_good_at(Utc::now()) {
            return Err(Refusal::Bad);
        }
        Ok(Caller {
            account: key.account_id,
            scope: key.scope,
            credential: Credential::Key(key.id),
        })
    }

    async fn find(&self, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StorageError> {
        if let Some(known) = self.known.get(&id).await
            && self.is_fresh(&known)
        {
            return Ok(known.key);
        }
        let known = Known {
            changes: self.state.changes.load(Ordering::Acquire),
            read_at: Instant::now(),
            key: api_key_find(&self.database, id).await?.map(Arc::new),
        };
        let key = known.key.clone();
        self.known.insert(id, known).await;
        Ok(key)
    }

    fn is_fresh(&self, known: &Known) -> bool {
        let is_hearing = self.state.is_hearing.load(Ordering::Acquire);
        known.changes == self.state.changes.load(Ordering::Acquire)
            && (is_hearing || known.read_at.elapsed() < DEAF_TTL)
    }
}
