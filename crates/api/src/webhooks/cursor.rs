//! Cursors of the log of deliveries: an endpoint and the last delivery of a page, as an opaque word.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{WebhookDeliveryId, WebhookEndpointId, cursor::CursorError};
use uuid::Uuid;

/// Writes a position as a word for URLs.
pub fn encode(endpoint: WebhookEndpointId, last: WebhookDeliveryId) -> String {
    let bytes = [endpoint.uuid().into_bytes(), last.uuid().into_bytes()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a word that [`encode`] made for the same endpoint.
///
/// # Errors
/// See [`CursorError`].
pub fn decode(word: &str, endpoint: WebhookEndpointId) -> Result<WebhookDeliveryId, CursorError> {
    let bytes = URL_SAFE_NO_PAD.decode(word).map_err(|_| CursorError::Invalid)?;
    let (of, last) = bytes.split_at_checked(16).ok_or(CursorError::Invalid)?;
    let last = Uuid::from_slice(last).map_err(|_| CursorError::Invalid)?;
    if of != endpoint.uuid().as_bytes() {
        return Err(CursorError::Mismatch);
    }
    Ok(last.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_comes_back_exactly_and_serves_its_own_endpoint_only() {
        let (endpoint, last) = (WebhookEndpointId::generate(), WebhookDeliveryId::generate());
        let word = encode(endpoint, last);
        assert_eq!(decode(&word, endpoint), Ok(last));
        assert_eq!(
            decode(&word, WebhookEndpointId::generate()),
            Err(CursorError::Mismatch)
        );
    }

    proptest! {
        #[test]
        fn no_word_panics(word in "[A-Za-z0-9_-]{0,60}") {
            prop_assert!(decode(&word, WebhookEndpointId::generate()).is_err());
        }
    }
}
