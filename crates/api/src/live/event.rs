//! Server-sent events as text, as the HTML standard defines them.

use std::fmt::Write as _;

use domain::{Change, ImageStatus};
use serde::Serialize;
use uuid::Uuid;

/// What is sent where there is nothing to say, so that whoever stands between does not take the stream for dead.
pub(super) const HEARTBEAT: &str = ":\n\n";
/// After how many milliseconds a caller who has lost the stream comes back, at least; up to as many again are added, so
/// that those of a process that ended do not come back together.
const RETRY_MS: u64 = 1_000;

/// The data of an event: what changed. The rest is to be read.
#[derive(Serialize)]
struct Data {
    /// The product, or the picture where it is one that changed; as in what webhooks are told.
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<Uuid>,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// When to come back after a loss.
pub(super) fn write_retry(text: &mut String) {
    // Nothing fails that is written to a string.
    let _ = write!(text, "retry: {}\n\n", RETRY_MS + fastrand::u64(..RETRY_MS));
}

/// Where to go on after a loss, without an event.
pub(super) fn write_id(text: &mut String, id: i64) {
    let _ = write!(text, "id: {id}\n\n");
}

/// An event; with an id, where it can be gone on from.
pub(super) fn write_event(text: &mut String, change: &Change, id: Option<i64>) {
    let (thing, product_id) = match change.image_id {
        Some(image) => (image.uuid(), Some(change.product_id.uuid())),
        None => (change.product_id.uuid(), None),
    };
    let data = Data {
        id: thing,
        product_id,
        version: change.version,
        status: change.event.image_status().map(ImageStatus::as_str),
    };
    // These types always have a JSON form.
    let data = serde_json::to_string(&data).unwrap_or_default();
    let _ = writeln!(text, "event: {}", change.event);
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "data: {data}\n\n");
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ChangeEvent, ImageId, ProductId};

    use super::*;

    #[test]
    fn an_event_names_what_changed_and_ends_with_an_empty_line() {
        let (product, image) = (ProductId::generate(), ImageId::generate());
        let change = Change::of_product(ChangeEvent::ImageReady, AccountId::DEFAULT, product, 7);
        let mut text = String::new();
        write_event(&mut text, &change.about(image), Some(7));
        let data = format!(r#"{{"id":"{image}","product_id":"{product}","version":7,"status":"ready"}}"#);
        assert_eq!(text, format!("event: image.ready\nid: 7\ndata: {data}\n\n"));
    }
}
