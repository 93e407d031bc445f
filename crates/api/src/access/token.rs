//! Keys as callers send them: `pms_<key id>_<secret>`, both in hexadecimal.

use std::str::FromStr;

use domain::ApiKeyId;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// What every key begins with, so that scanners recognise one that got into the wrong place.
const PREFIX: &str = "pms_";
/// Bytes of a secret, all of them random.
const SECRET_BYTES: usize = 24;

/// A key with its secret.
#[derive(Debug)]
pub struct Token {
    /// Which key it is.
    pub id: ApiKeyId,
    secret: SecretString,
}

/// What is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no key; it has the form pms_<32 hexadecimal digits>_<48 hexadecimal digits>")]
pub struct NoToken;

impl Token {
    /// A new key with a new secret.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            id: ApiKeyId::generate(),
            secret: secret
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
        })
    }

    /// True where somebody means to send a key, whether it is one or not.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// What is stored in the place of the secret.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.expose_secret()).into()
    }

    /// True where the secret is the one with this hash; how long that takes does not depend on where they differ.
    pub fn is_of(&self, secret_hash: &[u8]) -> bool {
        self.secret_hash().ct_eq(secret_hash).into()
    }

    /// The whole key, to be shown to its owner once.
    pub fn reveal(&self) -> String {
        format!("{}_{}", prefixed(self.id), self.secret.expose_secret())
    }
}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let (id, secret) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(NoToken)?;
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() != 32 || secret.len() != SECRET_BYTES * 2 || !is_hex(id) || !is_hex(secret) {
            return Err(NoToken);
        }
        Ok(Self {
            id: Uuid::parse_str(id).map_err(|_| NoToken)?.into(),
            secret: secret.into(),
        })
    }
}

/// A key without its secret, as lists name it.
pub fn prefixed(id: ApiKeyId) -> String {
    format!("{PREFIX}{}", id.uuid().simple())
}

/// Reads a key's identifier from what a person has of it: as lists name it, the whole key, or the bare UUID.
///
/// # Errors
/// It is none of these.
pub fn parse_id(text: &str) -> Result<ApiKeyId, String> {
    let id = text
        .strip_prefix(PREFIX)
        .map_or(text, |rest| rest.split('_').next().unwrap_or(rest));
    Uuid::parse_str(id)
        .map(ApiKeyId::from)
        .map_err(|_| "is no key; `api keys list` names them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_as_it_was_and_knows_its_secret() {
        let token = Token::generate().unwrap();
        let again: Token = token.reveal().parse().unwrap();
        assert_eq!(again.id, token.id);
        assert!(again.is_of(&token.secret_hash()));
        assert!(!again.is_of(&Token::generate().unwrap().secret_hash()));
        assert!(!again.is_of(&[]));
        assert_eq!(parse_id(&token.reveal()), Ok(token.id));
        assert_eq!(parse_id(&prefixed(token.id)), Ok(token.id));
        assert_eq!(parse_id(&token.id.to_string()), Ok(token.id));
    }

    #[test]
    fn a_secret_is_in_no_log() {
        let token = Token::generate().unwrap();
        let (id, revealed) = (prefixed(token.id), token.reveal());
        assert!(!format!("{token:?}").contains(&revealed[id.len() + 1..]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = Token::generate().unwrap().reveal();
        for wrong in [
            "",
            "pms_",
            "pms__",
            &good[1..],
            &good[..good.len() - 1],
            &good.to_uppercase(),
            &good.replacen('_', "-", 2),
            &format!("{good}0"),
        ] {
            assert_eq!(wrong.parse::<Token>().unwrap_err(), NoToken, "{wrong}");
        }
    }
}
