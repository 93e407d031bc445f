//! What can go wrong with the database, told apart by what a caller does about it.

use std::error::Error;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::{PoolError as ConnectError, deadpool::PoolError};

/// Anything a source can be.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// The index that keeps a sku from being used twice in an account.
const SKU_KEY: &str = "products_account_id_sku_key";

/// A failure of the database, or a refusal of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another product of the account has this sku.
    #[error("another product of the account has this sku")]
    DuplicateSku,
    /// The database cannot be reached, or was lost on the way. A write may or may not have happened.
    #[error("the database is not available")]
    Unavailable(#[source] Source),
    /// The database is there but did not get to it in time. Nothing was written.
    #[error("the database is too busy")]
    TooBusy(#[source] Source),
    /// More products match than can be counted in the time that a statement has; trying again does not help.
    #[error("counting takes longer than a statement may")]
    TooManyToCount(#[source] Source),
    /// The data breaks a rule that the database keeps; trying again does not help.
    #[error("the data breaks the rule {name:?} of the database")]
    Constraint {
        /// The name of the rule, where the database gives one.
        name: String,
        /// What the database says.
        source: DieselError,
    },
    /// A value does not fit between this program and the database; trying again does not help.
    #[error("the value of {what} does not fit")]
    Value {
        /// What the value is of.
        what: &'static str,
        /// Why it does not fit.
        source: Source,
    },
    /// A migration cannot be carried out.
    #[error("a migration failed")]
    Migration(#[source] Source),
    /// The settings cannot be used.
    #[error("the settings of the database cannot be used")]
    Config(#[source] Source),
    /// Anything else.
    #[error("the database refused a statement")]
    Database(#[source] DieselError),
}

impl StorageError {
    /// True where the same call may succeed a little later.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TooBusy(_))
    }

    /// True where it is the server that fails. A statement that ran out of its time is a sign of that as well, unlike
    /// one that waited for a lock.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::TooBusy(source) => is_timeout(source.as_ref()),
            _ => false,
        }
    }

    /// What a failure to count means: that it took too long says nothing about the server.
    pub(crate) fn of_count(error: DieselError) -> Self {
        match Self::from(error) {
            Self::TooBusy(source) if is_timeout(source.as_ref()) => Self::TooManyToCount(source),
            other => other,
        }
    }

    /// The settings that are to blame where the database cannot be used at all, the likeliest first, and what to do
    /// other than change them.
    pub fn blame(&self) -> (&'static [&'static str], &'static str) {
        let said = self.source().map(ToString::to_string).unwrap_or_default();
        if said.contains("authentication failed") || said.contains("role \"") {
            (
                &["database.user", "database.password"],
                "create the role, or correct the password",
            )
        } else if said.contains("database \"") {
            (&["database.dbname"], "create the database")
        } else {
            (
                &["database.host", "database.port"],
                "see that PostgreSQL runs and can be reached from here",
            )
        }
    }

    pub(crate) fn value(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Value {
            what,
            source: source.into(),
        }
    }
}

impl From<DieselError> for StorageError {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as Kind;
        let DieselError::DatabaseError(kind, information) = &error else {
            return Self::Database(error);
        };
        match kind {
            Kind::UnableToSendCommand | Kind::ClosedConnection => Self::Unavailable(error.into()),
            Kind::SerializationFailure => Self::TooBusy(error.into()),
            Kind::UniqueViolation if information.constraint_name() == Some(SKU_KEY) => Self::DuplicateSku,
            Kind::UniqueViolation
            | Kind::ForeignKeyViolation
            | Kind::NotNullViolation
            | Kind::CheckViolation
            | Kind::RestrictViolation
            | Kind::ExclusionViolation => Self::Constraint {
                name: constraint_name(information.as_ref()),
                source: error,
            },
            _ if is_lost(information.message()) => Self::Unavailable(error.into()),
            _ if is_overload(information.message()) => Self::TooBusy(error.into()),
            _ => Self::Database(error),
        }
    }
}

impl From<PoolError> for StorageError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(ConnectError::QueryError(error)) => error.into(),
            PoolError::Backend(ConnectError::ConnectionError(error)) => Self::Unavailable(error.into()),
            // Every connection is in use.
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => Self::TooBusy(error.into()),
            error => Self::Unavailable(error.into()),
        }
    }
}

/// A statement ran out of its time.
fn is_timeout(source: &(dyn Error + 'static)) -> bool {
    source.to_string().contains("statement timeout")
}

fn constraint_name(information: &dyn DatabaseErrorInformation) -> String {
    information
        .constraint_name()
        .or_else(|| information.column_name())
        .unwrap_or_default()
        .to_owned()
}

/// The connection is gone. diesel keeps the message and not the SQLSTATE, so these are the server's words.
fn is_lost(message: &str) -> bool {
    const WORDS: [&str; 5] = [
        "terminating connection",
        "the database system is",
        "connection to client lost",
        "server closed the connection",
        "too many clients already",
    ];
    WORDS.iter().any(|words| message.contains(words)) || message.contains("remaining connection slots")
}

/// The connection is fine, the statement was given up.
fn is_overload(message: &str) -> bool {
    message.contains("canceling statement due to") || message.contains("deadlock detected")
}

/// True where a statement waited in vain for what another transaction holds.
pub(crate) fn is_lock_timeout(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(_, information) if information.message().contains("lock timeout"))
}

/// Converts a number, naming what it is of where it does not fit.
pub(crate) fn fit<T, U>(what: &'static str, value: T) -> Result<U, StorageError>
where
    U: TryFrom<T, Error: Error + Send + Sync + 'static>,
{
    U::try_from(value).map_err(|error| StorageError::value(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_takes_too_long_is_no_outage() {
        let failed = |message: &str| {
            let information = Box::new(message.to_owned());
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, information)
        };
        let timeout = "canceling statement due to statement timeout";
        let error = StorageError::of_count(failed(timeout));
        assert!(matches!(error, StorageError::TooManyToCount(_)), "{error:?}");
        assert!(!error.is_outage() && !error.is_unavailable());
        assert!(StorageError::from(failed(timeout)).is_outage());
        let error = StorageError::of_count(failed("canceling statement due to lock timeout"));
        assert!(matches!(error, StorageError::TooBusy(_)), "{error:?}");
    }
}
