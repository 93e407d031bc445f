//! What changed in an account while a caller was away, page by page.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AccountId, Change, ChangeEvent};
use storage_postgres::{
    ChangePosition, Database, FoundChange, StorageError, account_changes, longest_transaction,
};

/// Changes that are read together.
const PAGE: u16 = 200;
/// How long after its commit a change may be told, unless the process that made it has ended.
const TELLING: Duration = Duration::from_secs(30);

/// How long before a time there may be changes that were not told by then: their time is the beginning of their
/// transaction, and they are told after its end.
pub(super) fn overlap(database: &Database) -> Duration {
    longest_transaction(database) + TELLING
}

/// What a found change is to who knows how everything was at `known`: a creation, or what it was found to be.
pub(super) fn named(found: FoundChange, known: Option<DateTime<Utc>>) -> Change {
    let is_new = found
        .created_at
        .is_some_and(|created| known.is_none_or(|known| created > known) || found.change.version == 1);
    if is_new {
        Change {
            event: ChangeEvent::ProductCreated,
            ..found.change
        }
    } else {
        found.change
    }
}

/// What changed in an account since a time.
pub(super) struct Missed {
    database: Database,
    account: AccountId,
    /// Up to when the caller was told.
    known: DateTime<Utc>,
    after: ChangePosition,
    is_read: bool,
}

impl Missed {
    /// Everything since `known`, and whatever might not have been told by then.
    pub(super) fn since(database: Database, account: AccountId, known: DateTime<Utc>) -> Self {
        let from = known - overlap(&database);
        Self {
            known,
            ..Self::from(database, account, from)
        }
    }

    /// Everything whose time is `from` or later.
    pub(super) fn from(database: Database, account: AccountId, from: DateTime<Utc>) -> Self {
        Self {
            database,
            account,
            known: from,
            after: ChangePosition::at(from),
            is_read: false,
        }
    }

    /// The next page; none after the last.
    ///
    /// # Errors
    /// The database is away.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Change>>, StorageError> {
        if self.is_read {
            return Ok(None);
        }
        let watched = [(self.account, self.after)];
        let page = account_changes(&self.database, &watched, PAGE).await?;
        self.is_read = page.len() < usize::from(PAGE);
        if let Some(last) = page.last() {
            self.after = last.position;
        }
        let known = Some(self.known);
        Ok(Some(page.into_iter().map(|found| named(found, known)).collect()))
    }
}
