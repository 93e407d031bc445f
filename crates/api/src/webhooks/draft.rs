//! From a JSON body to a checked endpoint, with every fault on the way.

use domain::{Faults, WebhookDraft, WebhookTopic, image::parse_source_url, webhook::parse_description};
use serde_json::{Value, json};

use crate::products::{
    fields::{Fields, wrong_type},
    merge_patch::merge,
};

/// The fields that an owner may change.
const WRITABLE: [&str; 4] = ["url", "events", "description", "enabled"];

/// Reads the body of a new endpoint.
///
/// # Errors
/// Every fault of the body.
pub(super) fn read_new(body: &Value) -> Result<WebhookDraft, Faults> {
    let mut faults = Faults::new();
    let draft = Fields::open(body, "#", &mut faults).and_then(|mut fields| {
        let draft = read_fields(&mut fields, &mut faults);
        fields.close(&mut faults);
        draft
    });
    sound(draft, faults)
}

/// Applies a merge patch (RFC 7396) to what the owner decided before.
///
/// # Errors
/// Every fault of the patch, and of the endpoint that it would make.
pub(super) fn read_patched(current: &WebhookDraft, patch: &Value) -> Result<WebhookDraft, Faults> {
    let mut faults = Faults::new();
    let mut merged = json!({
        "url": current.url,
        "events": current.events,
        "description": current.description,
        "enabled": current.enabled,
    });
    // A member that the patch removes leaves no trace in what it makes, so names are judged in the patch itself.
    if let Some(mut fields) = Fields::open(patch, "#", &mut faults) {
        fields.expect(&WRITABLE);
        fields.close(&mut faults);
        merge(&mut merged, patch);
    }
    let draft =
        Fields::open(&merged, "#", &mut faults).and_then(|mut fields| read_fields(&mut fields, &mut faults));
    sound(draft, faults)
}

fn sound(draft: Option<WebhookDraft>, faults: Faults) -> Result<WebhookDraft, Faults> {
    match draft {
        Some(draft) if faults.is_empty() => Ok(draft),
        _ => Err(faults),
    }
}

fn read_fields(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<WebhookDraft> {
    let url = fields.required_text("url", faults, parse_source_url);
    let events = read_events(fields, faults);
    let description = fields.text("description", faults, parse_description);
    let enabled = read_enabled(fields, faults);
    Some(WebhookDraft {
        url: url?,
        events: events?,
        description,
        enabled,
    })
}

fn read_events(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Vec<WebhookTopic>> {
    let Some(value) = fields.value("events") else {
        fields.miss("events", faults);
        return None;
    };
    let pointer = fields.pointer_to("events");
    let Value::Array(items) = value else {
        wrong_type(&pointer, "an array", value, faults);
        return None;
    };
    if items.is_empty() {
        let detail = "must not be empty; name at least one event, or * for all";
        faults.add(&pointer, "required", detail);
        return None;
    }
    let mut events = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{pointer}/{index}");
        match item {
            Value::String(text) => events.extend(faults.take(&place, text.parse::<WebhookTopic>())),
            other => wrong_type(&place, "a string", other, faults),
        }
    }
    events.sort();
    events.dedup();
    Some(events)
}

fn read_enabled(fields: &mut Fields<'_>, faults: &mut Faults) -> bool {
    match fields.value("enabled") {
        None => true,
        Some(Value::Bool(enabled)) => *enabled,
        Some(other) => {
            wrong_type(&fields.pointer_to("enabled"), "a boolean", other, faults);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(result: Result<WebhookDraft, Faults>) -> Vec<(String, &'static str)> {
        let faults = result.unwrap_err().into_vec().into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn every_fault_of_a_body_is_found_at_once() {
        let body = json!({
            "url": "ftp://example.com/", "events": ["product.created", "product.sold", 7],
            "description": "a\nb", "enabled": "yes", "secret": "whsec_mine",
        });
        let expected = [
            ("#/url", "unsupported_scheme"),
            ("#/events/1", "unknown_value"),
            ("#/events/2", "wrong_type"),
            ("#/description", "control_character"),
            ("#/enabled", "wrong_type"),
            ("#/secret", "unknown_field"),
        ]
        .map(|(pointer, code)| (pointer.to_owned(), code));
        assert_eq!(found(read_new(&body)), expected);
        let none = json!({"url": null, "events": []});
        let expected = [("#/url", "required"), ("#/events", "required")]
            .map(|(pointer, code)| (pointer.to_owned(), code));
        assert_eq!(found(read_new(&none)), expected);
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let body =
            json!({"url": "https://example.com/", "events": ["*", "image.ready", "*"], "description": "x"});
        let draft = read_new(&body).unwrap();
        assert_eq!(draft.events, [WebhookTopic::ImageReady, WebhookTopic::All]);
        assert!(draft.enabled);
        let patched = read_patched(&draft, &json!({"enabled": false, "description": null})).unwrap();
        let expected = WebhookDraft {
            enabled: false,
            description: None,
            ..draft.clone()
        };
        assert_eq!(patched, expected);
        let refused = read_patched(&draft, &json!({"events": null, "version": null}));
        let expected = [("#/version", "unknown_field"), ("#/events", "required")]
            .map(|(pointer, code)| (pointer.to_owned(), code));
        assert_eq!(found(refused), expected);
    }
}
