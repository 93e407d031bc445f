//! Signatures after Standard Webhooks: `v1,` and an HMAC-SHA256 of `id.timestamp.body` in Base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use secrecy::SecretString;
use sha2::Sha256;

use super::secret;

/// The value of `webhook-signature`: one signature for each secret, with blanks between them. What is no secret of ours
/// signs nothing.
pub(super) fn signatures(secrets: &[SecretString], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = secrets
        .iter()
        .filter_map(|secret| signature(secret, id, timestamp, body));
    signed.collect::<Vec<_>>().join(" ")
}

fn signature(secret: &SecretString, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret::key(secret)?).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_example_of_the_standard_is_signed_as_there() {
        assert_eq!(signatures(&[SECRET.into()], ID, 1_614_265_330, BODY), SIGNATURE);
    }

    #[test]
    fn each_secret_signs() {
        let other = SecretString::from("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let both = signatures(&[other.clone(), SECRET.into()], ID, 1_614_265_330, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signatures(&[other], ID, 1_614_265_330, BODY));
        assert_eq!(second, SIGNATURE);
    }
}
