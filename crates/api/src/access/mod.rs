//! Who calls, how much they may do, and how often.

mod keyring;
mod limits;
pub mod token;

use domain::{AccountId, ApiKeyId, Scope};
use storage_postgres::{Database, StorageError};

pub use keyring::Keyring;
pub use limits::Limits;
use token::Token;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose products they see.
    pub account: AccountId,
    /// How much they may do.
    pub scope: Scope,
    /// The key that says so; none while authentication is off.
    pub key: Option<ApiKeyId>,
}

/// How callers are told apart.
#[derive(Clone)]
pub enum Access {
    /// Not at all: everybody is the account `default`, and may do everything.
    Open,
    /// By their keys.
    Keys(Keyring),
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// They did not say who they are.
    #[error("no key was sent")]
    Missing,
    /// What they sent is no key.
    #[error("what was sent is no key")]
    Malformed,
    /// The key is unknown, revoked or has expired, or its secret is another; which of these is not for callers to know.
    #[error("the key is not good")]
    Bad,
    /// The key could not be looked up.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Access {
    /// By keys of this database.
    pub fn by_keys(database: Database) -> Self {
        Self::Keys(Keyring::new(database))
    }

    /// The keys that are remembered, where callers are told apart by them.
    pub fn keyring(&self) -> Option<&Keyring> {
        match self {
            Self::Open => None,
            Self::Keys(keyring) => Some(keyring),
        }
    }

    /// True while callers with this key are let in; also where that cannot be found out for the moment.
    pub async fn is_still_good(&self, key: ApiKeyId) -> bool {
        match self {
            Self::Open => true,
            Self::Keys(keyring) => keyring.is_good(key).await.unwrap_or(true),
        }
    }

    /// Tells who calls by the header `Authorization` (RFC 6750, section 2.1).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn admit(&self, authorization: Option<&[u8]>) -> Result<Caller, Refusal> {
        let keyring = match self {
            Self::Open => {
                return Ok(Caller {
                    account: AccountId::DEFAULT,
                    scope: Scope::Admin,
                    key: None,
                });
            }
            Self::Keys(keyring) => keyring,
        };
        let credentials = std::str::from_utf8(authorization.ok_or(Refusal::Missing)?);
        let (scheme, token) = credentials
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or(Refusal::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Malformed);
        }
        let token: Token = token.trim().parse().map_err(|_| Refusal::Malformed)?;
        keyring.admit(&token).await
    }
}
