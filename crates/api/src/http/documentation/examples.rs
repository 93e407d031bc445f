//! An example of every body. A test compares each with its schema.

use domain::ProblemCode;
use serde_json::{Value, json};
use utoipa::openapi::{Content, RefOr, example::ExampleBuilder, path::Operation};

use super::{answers, call::schema_name, problems::example_body};

/// What a schema's values look like: a name and a summary for each example.
fn of(schema: &str) -> Vec<(&'static str, &'static str, Value)> {
    let one = |value| vec![("usual", "As it usually is", value)];
    match schema {
        "NewProduct" => vec![
            (
                "with_a_picture",
                "With a picture",
                json!({
                    "name": "Enamel mug", "sku": "MUG-01", "description": "Holds half a litre.",
                    "price": {"amount": "19.90", "currency": "EUR"}, "metadata": {"colour": "blue"},
                    "images": [{"source_url": "https://example.com/mug.jpg", "alt": "A blue mug"}],
                }),
            ),
            (
                "least",
                "The least",
                json!({"name": "Enamel mug", "price": {"amount": "19.90"}}),
            ),
        ],
        "ProductPatch" => vec![
            (
                "price",
                "Another price",
                json!({"price": {"amount": "21.50", "currency": "EUR"}}),
            ),
            (
                "metadata",
                "A pair of metadata less, and no description",
                json!({"metadata": {"colour": null}, "description": null}),
            ),
        ],
        "Product" => vec![
            ("ready", "With its picture ready", product(&image())),
            (
                "pending",
                "Just created",
                json!({
                    "id": "01a203f3-dd46-7169-92fb-90f23cd9b841", "sku": null, "name": "Enamel mug", "description": null,
                    "price": {"amount": "19.90", "currency": "EUR"}, "status": "active", "metadata": {},
                    "images_status": "none", "images": [], "version": 1,
                    "created_at": "2026-01-31T12:00:00.000000Z", "updated_at": "2026-01-31T12:00:00.000000Z",
                }),
            ),
        ],
        "ProductPage" => one(json!({
            "data": [product(&image())], "has_more": true, "next_cursor": "AbCdEf_0123456789",
        })),
        "Image" => one(image()),
        "ImageList" => one(json!({"data": [image()]})),
        "ImageByAddress" => one(json!({
            "source_url": "https://example.com/mug-from-above.jpg", "alt": "The mug from above", "position": 0,
        })),
        "ImagePatch" => one(json!({"alt": "The mug from above", "position": 0})),
        "ProductBatch" => one(json!({"items": [
            {"index": 0, "status": 201, "product": product(&image())},
            {"index": 1, "status": 409, "problem": example_body(ProblemCode::DuplicateSku)},
        ]})),
        "NewWebhookEndpoint" => one(json!({
            "url": "https://example.com/hooks/catalogue", "events": ["product.updated", "product.deleted"],
            "description": "Stock of the Hamburg shop",
        })),
        "WebhookEndpointPatch" => one(json!({"events": ["*"], "enabled": true})),
        "WebhookEndpoint" => one(endpoint()),
        "WebhookEndpointWithSecret" => {
            let mut shown = endpoint();
            shown["secret"] = "whsec_RsJgTHtQN/kAujw6U0KQXQEpGUl1ZcIg9yZcKyxpqnI=".into();
            one(shown)
        }
        "WebhookEndpointList" => one(json!({"data": [endpoint()]})),
        "WebhookDelivery" => one(delivery()),
        "WebhookDeliveryPage" => one(json!({"data": [delivery()], "has_more": false, "next_cursor": null})),
        "Live" => one(json!({"status": "live"})),
        "Ready" => one(json!({"status": "ready", "parts": [
            {"name": "postgresql", "required": true, "status": "up"},
            {"name": "redis", "required": false, "status": "up"},
            {"name": "rabbitmq", "required": false, "status": "up"},
        ]})),
        _ => Vec::new(),
    }
}

/// Adds examples to the bodies of an operation that have none.
pub(super) fn add(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(complete);
    }
    for (_, answer) in answers(operation) {
        answer.content.values_mut().for_each(complete);
    }
}

fn complete(content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    if content.example.is_some() || !content.examples.is_empty() {
        return;
    }
    let schema = content.schema.as_ref().map(schema_name).unwrap_or_default();
    for (name, summary, value) in of(&schema) {
        let example = ExampleBuilder::new().summary(summary).value(Some(value));
        content
            .examples
            .insert(name.to_owned(), RefOr::T(example.build()));
    }
}

fn product(image: &Value) -> Value {
    json!({
        "id": "01a203f3-dd46-7169-92fb-90f23cd9b841", "sku": "MUG-01", "name": "Enamel mug",
        "description": "Holds half a litre.", "price": {"amount": "19.90", "currency": "EUR"}, "status": "active",
        "metadata": {"colour": "blue"}, "images_status": "ready", "images": [image], "version": 3,
        "created_at": "2026-01-31T12:00:00.000000Z", "updated_at": "2026-01-31T12:00:01.250000Z",
    })
}

fn image() -> Value {
    json!({
        "id": "01a203f3-dd47-7c55-a2c0-3f1be0a7c0d4", "position": 0, "alt": "A blue mug",
        "source_url": "https://example.com/mug.jpg", "status": "ready", "attempts": 1, "width": 4032, "height": 3024,
        "format": "jpeg", "bytes": 2_481_133, "animated": false,
        "placeholder": {"thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI", "color": "#5a7fa8"},
        "variants": [{
            "name": "thumbnail", "format": "webp", "width": 200, "height": 150, "bytes": 6123,
            "url": "https://pictures.example.com/variants/01a203f3-dd47-7c55-a2c0-3f1be0a7c0d4/1/thumbnail.webp",
        }],
        "error": null, "created_at": "2026-01-31T12:00:00.000000Z", "updated_at": "2026-01-31T12:00:01.250000Z",
    })
}

fn endpoint() -> Value {
    json!({
        "id": "01a203f4-5a2b-7f0e-9d1c-7be0e1a6b9f3", "url": "https://example.com/hooks/catalogue",
        "events": ["product.updated", "product.deleted"], "description": "Stock of the Hamburg shop", "enabled": true,
        "disabled_reason": null, "version": 1,
        "created_at": "2026-01-31T12:00:00.000000Z", "updated_at": "2026-01-31T12:00:00.000000Z",
    })
}

fn delivery() -> Value {
    json!({
        "id": "01a203f5-1e0d-7a44-8c3b-2d9f0b6a7e15", "event": "product.updated",
        "data": {"id": "01a203f3-dd46-7169-92fb-90f23cd9b841", "version": 3}, "status": "delivered",
        "next_attempt_at": null,
        "attempts": [{"at": "2026-01-31T12:00:02.000000Z", "status_code": 200, "error": null, "duration_ms": 84}],
        "created_at": "2026-01-31T12:00:01.250000Z", "ended_at": "2026-01-31T12:00:02.084000Z",
    })
}
