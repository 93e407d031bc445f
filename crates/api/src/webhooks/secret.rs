//! The secrets that sign deliveries, as Standard Webhooks writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

use super::WebhookError;

/// Begins every secret.
const PREFIX: &str = "whsec_";
/// Random bytes of a secret; the standard asks for 24 to 64.
const BYTES: usize = 32;

/// A new secret.
///
/// # Errors
/// `NoRandomness`.
pub(super) fn generate() -> Result<SecretString, WebhookError> {
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(WebhookError::NoRandomness)?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes.as_slice())).into())
}

/// The key that a secret stands for; none where it was not made here.
pub(super) fn key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = secret.expose_secret().strip_prefix(PREFIX)?;
    STANDARD.decode(encoded).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_32_bytes_that_no_other_has() {
        let secrets = [(); 2].map(|()| generate().unwrap());
        let keys = secrets.each_ref().map(|secret| key(secret).unwrap());
        assert_eq!(keys[0].len(), BYTES);
        assert_ne!(keys[0], keys[1]);
        assert!(!format!("{secrets:?}").contains(PREFIX));
    }
}
