//! Tokens that somebody else issues: JSON Web Tokens (RFC 7519), checked after RFC 8725.
//!
//! A check costs a signature and no question to anybody: the issuer's keys are remembered, and so are the accounts.

mod accounts;
mod claims;
mod fault;
mod issuer;
mod key_set;
mod verify;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use runtime::{
    Causes,
    settings::{Jwks, Jwt, JwtAlgorithm},
};
use storage_postgres::Database;
use tokio_util::sync::CancellationToken;

pub use self::fault::TokenFault;
use self::{accounts::Accounts, claims::Claims, issuer::Issuer, key_set::Found};
use super::{Caller, Credential, Refusal};

/// Tokens of one issuer. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    accounts: Accounts,
    /// What a token is held to, for each algorithm that is accepted.
    rules: Vec<(Algorithm, Validation)>,
    account_claim: String,
    scope_claim: String,
    scope_prefix: String,
}

/// Why tokens cannot be accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file of keys is not there, or holds none.
    #[error("auth.jwt.jwks: {path}: {fault}")]
    File {
        /// Which file it is.
        path: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The HTTP client cannot be built, as on a machine without root certificates.
    #[error("the HTTP client for auth.jwt.jwks cannot be built")]
    Client(#[from] reqwest::Error),
}

impl Tokens {
    /// Tokens as the settings describe them; none where they describe none. A file of keys is read at once; those behind
    /// a URL may come later.
    ///
    /// # Errors
    /// See [`TokensError`].
    pub async fn open(settings: &Jwt, database: Database) -> Result<Option<Self>, TokensError> {
        let (Some(name), Some(jwks)) = (&settings.issuer, &settings.jwks) else {
            return Ok(None);
        };
        verify::install();
        let issuer = Issuer::new(jwks, settings)?;
        if let Jwks::File(path) = jwks {
            issuer.open().await.map_err(|fault| TokensError::File {
                path: path.display().to_string(),
                fault: Causes(&fault).to_string(),
            })?;
        }
        let rules = settings.algorithms.iter().map(|algorithm| {
            let algorithm = named(*algorithm);
            let mut rules = Validation::new(algorithm);
            rules.leeway = settings.leeway.as_secs();
            rules.validate_nbf = true;
            rules.set_required_spec_claims(&["exp", "iss", "aud"]);
            rules.set_issuer(&[name]);
            rules.set_audience(&settings.audience);
            (algorithm, rules)
        });
        Ok(Some(Self(Arc::new(Inner {
            issuer,
            accounts: Accounts::new(database),
            rules: rules.collect(),
            account_claim: settings.account_claim.clone(),
            scope_claim: settings.scope_claim.clone(),
            scope_prefix: settings.scope_prefix.clone(),
        }))))
    }

    /// Keeps the issuer's keys current until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        self.0.issuer.run(&stop).await;
    }

    pub(super) async fn admit(&self, token: &str) -> Result<Caller, Refusal> {
        let Inner {
            accounts,
            account_claim,
            scope_claim,
            scope_prefix,
            ..
        } = &*self.0;
        let claims = self.0.read(token).await?;
        let name = claims::claim(&claims, account_claim)
            .and_then(serde_json::Value::as_str)
            .ok_or(TokenFault::NoAccount)?;
        let account = accounts.find(name).await?.ok_or(TokenFault::UnknownAccount)?;
        let scope = claims::scope(claims::claim(&claims, scope_claim), scope_prefix);
        Ok(Caller {
            account,
            scope: scope.ok_or(Refusal::Scopeless)?,
            credential: Credential::Token {
                subject: claims::subject(&claims).map(Arc::from),
            },
        })
    }
}

impl Inner {
    /// What a token says, once it has proved to be the issuer's, for this service, and of this time.
    async fn read(&self, token: &str) -> Result<Claims, Refusal> {
        let header = decode_header(token).map_err(|_| TokenFault::Malformed)?;
        let (algorithm, rules) = self
            .rules
            .iter()
            .find(|(accepted, _)| *accepted == header.alg)
            .ok_or(TokenFault::Algorithm)?;
        let id = header.kid.as_deref();
        let mut keys = self.issuer.keys();
        let is_known = keys
            .as_ref()
            .is_some_and(|keys| !matches!(keys.find(id, *algorithm), Found::Nothing));
        if !is_known {
            if !self.issuer.refresh().await {
                return Err(Refusal::IssuerAway);
            }
            keys = self.issuer.keys();
        }
        let keys = keys.ok_or(Refusal::IssuerAway)?;
        let candidates = match keys.find(id, *algorithm) {
            Found::Keys(candidates) => candidates,
            Found::Unfit => return Err(TokenFault::Algorithm.into()),
            Found::Nothing => return Err(TokenFault::UnknownKey.into()),
        };
        let mut fault = TokenFault::Signature;
        for key in candidates {
            match decode(token, key, rules) {
                Ok(token) => return Ok(token.claims),
                Err(error) => {
                    fault = fault_of(error.kind());
                    if fault != TokenFault::Signature {
                        break;
                    }
                }
            }
        }
        Err(fault.into())
    }
}

fn fault_of(error: &ErrorKind) -> TokenFault {
    match error {
        ErrorKind::ExpiredSignature => TokenFault::Expired,
        ErrorKind::ImmatureSignature => TokenFault::Early,
        ErrorKind::InvalidIssuer => TokenFault::Issuer,
        ErrorKind::InvalidAudience => TokenFault::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => TokenFault::Claims,
        ErrorKind::InvalidSignature => TokenFault::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => TokenFault::Algorithm,
        _ => TokenFault::Malformed,
    }
}

fn named(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
