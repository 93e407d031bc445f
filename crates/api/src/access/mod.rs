//! Who calls, how much they may do, and how often.

mod jwt;
mod keyring;
mod limits;
mod pass;
pub mod token;

use std::sync::Arc;

use domain::{AccountId, ApiKeyId, Scope};
use storage_postgres::{Database, StorageError};

pub use jwt::{TokenFault, Tokens, TokensError};
pub use keyring::Keyring;
pub use limits::Limits;
pub use pass::Pass;
use token::Token;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose products they see.
    pub account: AccountId,
    /// How much they may do.
    pub scope: Scope,
    /// What says so.
    pub credential: Credential,
}

/// What a caller is let in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: authentication is off.
    Nothing,
    /// A key of this service.
    Key(ApiKeyId),
    /// A token of somebody else.
    Token {
        /// Who the caller is to its issuer, where the token says so; at most 255 characters.
        subject: Option<Arc<str>>,
    },
}

/// How callers are told apart.
#[derive(Clone)]
pub enum Access {
    /// Not at all: everybody is the account `default`, and may do everything.
    Open,
    /// By their keys, and by tokens where an issuer of tokens is known.
    Keys(Keyring, Option<Tokens>),
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
    /// What they sent is neither a key nor a token that is good.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The token is good, and for nothing that there is here.
    #[error("the token has no scope of this service")]
    Scopeless,
    /// Whether the token is good cannot be said: the keys of its issuer cannot be had.
    #[error("the issuer's keys cannot be had")]
    IssuerAway,
    /// The key is unknown, revoked or has expired, or its secret is another; which of these is not for callers to know.
    #[error("the key is not good")]
    Bad,
    /// The key could not be looked up.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Access {
    /// By keys of this database, and by `tokens`.
    pub fn by_keys(database: Database, tokens: Option<Tokens>) -> Self {
        Self::Keys(Keyring::new(database), tokens)
    }

    /// The keys that are remembered, where callers are told apart by them.
    pub fn keyring(&self) -> Option<&Keyring> {
        match self {
            Self::Open => None,
            Self::Keys(keyring, _) => Some(keyring),
        }
    }

    /// The tokens that are accepted, where there are any.
    pub fn tokens(&self) -> Option<&Tokens> {
        match self {
            Self::Open => None,
            Self::Keys(_, tokens) => tokens.as_ref(),
        }
    }

    /// True where it costs a question to the database to tell who calls, and what was sent may be made up.
    pub async fn has_to_ask(&self, authorization: Option<&[u8]>) -> bool {
        let Self::Keys(keyring, _) = self else {
            return false;
        };
        let token = authorization
            .and_then(bearer)
            .and_then(|token| token.parse::<Token>().ok());
        match token {
            Some(token) => !keyring.knows(&token).await,
            None => false,
        }
    }

    /// Tells who calls by the header `Authorization` (RFC 6750, section 2.1).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn admit(&self, authorization: Option<&[u8]>) -> Result<Caller, Refusal> {
        let (keyring, tokens) = match self {
            Self::Open => {
                return Ok(Caller {
                    account: AccountId::DEFAULT,
                    scope: Scope::Admin,
                    credential: Credential::Nothing,
                });
            }
            Self::Keys(keyring, tokens) => (keyring, tokens),
        };
        let token = bearer(authorization.ok_or(Refusal::Missing)?).ok_or(Refusal::Malformed)?;
        match tokens {
            Some(tokens) if !Token::is_meant_by(token) => tokens.admit(token).await,
            _ => {
                let token: Token = token.parse().map_err(|_| Refusal::Malformed)?;
                keyring.admit(&token).await
            }
        }
    }
}

/// The token of a header `Authorization`; none where that is of another scheme.
fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
