//! The public keys of an issuer (RFC 7517).

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// The most keys of a set that are kept; issuers have a few.
const KEYS_MAX: usize = 64;

/// The keys of a set that tokens may be signed with.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What is no set of keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeySetError {
    /// It cannot be read.
    #[error("is no set of keys (JWKS): {0}")]
    Malformed(#[from] serde_json::Error),
    /// There is nothing in it to judge a token by.
    #[error("holds no public key that tokens could be signed with")]
    Empty,
}

/// What a set has for a token.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Keys that may have signed it; more than one only where it does not say which.
    Keys(Vec<&'a DecodingKey>),
    /// The key is there, and is for something else.
    Unfit,
    /// There is no such key.
    Nothing,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, and for other uses, are left out.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(bytes)?;
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            // One that cannot be read is of a kind to come, and spoils no other.
            .filter_map(|key| Key::of(&serde_json::from_value(key).ok()?))
            .take(KEYS_MAX)
            .collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(Self(keys))
    }

    /// Finds the key that a token names, or where it names none, every key that fits.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let named: Vec<&Key> = self
            .0
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id)
            .collect();
        let fitting: Vec<&DecodingKey> = named
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm))
            .map(|key| &key.key)
            .collect();
        match (named.is_empty(), fitting.is_empty()) {
            (true, _) => Found::Nothing,
            (false, true) => Found::Unfit,
            (false, false) => Found::Keys(fitting),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn of(key: &Jwk) -> Option<Self> {
        let common = &key.common;
        let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return None;
        }
        let mut algorithms = algorithms(&key.algorithm);
        if let Some(only) = common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
        }
        if algorithms.is_empty() {
            return None;
        }
        Some(Self {
            id: common.key_id.clone(),
            algorithms,
            key: DecodingKey::from_jwk(key).ok()?,
        })
    }
}

/// What a key of this kind can sign by. A shared secret is none: whoever checks with it could sign as well.
fn algorithms(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    }
}
