//! Endpoints: what is asked, what is answered, and who may see it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ENDPOINTS, QUICK};
use crate::app::{Answer, TestApp};

const URL: &str = "https://example.com/hook";

fn problem(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_as_its_owner_wants_it_and_shows_its_secret_once() {
    let app = TestApp::start().await;
    let body = json!({"url": URL, "events": ["product.updated", "*"], "description": "Hamburg"});
    let created = app.ask(Method::POST, "", Some(body)).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(
        (created.header("etag"), created.header("cache-control")),
        ("\"1\"", "no-store")
    );
    let secret = created.body["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let location = created.header("location").to_owned();
    assert_eq!(location, format!("{ENDPOINTS}/{}", created.id()));

    let read = app.get(&location).await;
    let mut expected = created.body.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!((read.status, &read.body), (200, &expected));
    assert_eq!(read.body["disabled_reason"], json!(null));
    assert_eq!(read.body["enabled"], json!(true));
    let known = app
        .send(Method::GET, &location, &[("if-none-match", "\"1\"")], Vec::new())
        .await;
    assert_eq!(known.status, 304);
    let other = app
        .send(Method::GET, &location, &[("if-match", "\"2\"")], Vec::new())
        .await;
    assert_eq!(problem(&other), (412, "precondition_failed"));
    let list = app.get(ENDPOINTS).await;
    assert_eq!((list.status, &list.body), (200, &json!({"data": [expected]})));
    assert!(!list.text.contains("whsec_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_or_a_deletion_names_the_version_that_it_is_about() {
    let app = TestApp::start().await;
    let (id, _) = app.endpoint(URL, &["*"]).await;
    let path = format!("{ENDPOINTS}/{id}");
    let json = ("content-type", "application/merge-patch+json");
    let patch = async |tag: &str, body: Value| {
        let headers = [json, ("if-match", tag)];
        app.send(Method::PATCH, &path, &headers, body.to_string().into_bytes())
            .await
    };
    let changed = patch(
        "\"1\"",
        json!({"description": "Hamburg", "events": ["image.ready"]}),
    )
    .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(
        (changed.header("etag"), &changed.body["description"]),
        ("\"2\"", &json!("Hamburg"))
    );
    assert_eq!(changed.body["events"], json!(["image.ready"]));
    let same = patch("\"2\"", json!({"description": "Hamburg"})).await;
    assert_eq!((same.status, same.header("etag")), (200, "\"2\""));
    let late = patch("\"1\"", json!({"enabled": false})).await;
    assert_eq!(problem(&late), (412, "precondition_failed"));
    assert_eq!(late.header("etag"), "\"2\"");
    let late = app
        .send(Method::DELETE, &path, &[("if-match", "\"1\"")], Vec::new())
        .await;
    assert_eq!(late.status, 412);
    let gone = app
        .send(Method::DELETE, &path, &[("if-match", "\"2\"")], Vec::new())
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(problem(&app.get(&path).await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_endpoint_is_told_at_once() {
    let app = TestApp::start().await;
    let body = json!({"url": "ftp://example.com", "events": ["product.sold"], "enabled": 1, "secret": "x"});
    let refused = app.ask(Method::POST, "", Some(body.clone())).await;
    let pointers = |answer: &Answer| -> Vec<String> {
        let errors = answer.body["errors"].as_array().unwrap().iter();
        errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(problem(&refused), (422, "validation_failed"));
    assert_eq!(
        pointers(&refused),
        ["#/url", "#/events/0", "#/enabled", "#/secret"]
    );
    let (id, _) = app.endpoint(URL, &["*"]).await;
    let refused = app.ask(Method::PATCH, &format!("/{id}"), Some(body)).await;
    assert_eq!(problem(&refused), (422, "validation_failed"));
    assert_eq!(
        pointers(&refused),
        ["#/secret", "#/url", "#/events/0", "#/enabled"]
    );
    for (method, path) in [
        (Method::GET, "?limit=3".to_owned()),
        (Method::GET, format!("/{id}?x=1")),
        (Method::GET, format!("/{id}/deliveries?limit=0&colour=blue")),
        (Method::GET, format!("/{id}/deliveries?cursor=colour")),
        (Method::POST, format!("/{id}/ping?x=1")),
        (Method::POST, format!("/{id}/rotate-secret?x=1")),
        (Method::DELETE, format!("/{id}?x=1")),
    ] {
        let refused = app.ask(method, &path, None).await;
        assert_eq!(refused.status, 400, "{path} {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_repeated_with_its_key_makes_one_endpoint() {
    let app = TestApp::start().await;
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "hook-1"),
    ];
    let create = async |url: &str| {
        let body = json!({"url": url, "events": ["*"]}).to_string();
        app.send(Method::POST, ENDPOINTS, &headers, body.into_bytes())
            .await
    };
    let first = create(URL).await;
    let again = create(URL).await;
    assert_eq!((first.status, again.status, &again.text), (201, 201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(
        problem(&create("https://example.com/other").await),
        (422, "idempotency_key_reused")
    );
    assert_eq!(app.get(ENDPOINTS).await.body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_have_twenty_endpoints() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        app.endpoint(URL, &["*"]).await;
    }
    let refused = app
        .ask(Method::POST, "", Some(json!({"url": URL, "events": ["*"]})))
        .await;
    assert_eq!(problem(&refused), (409, "too_many_webhook_endpoints"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_account_is_not_there() {
    let app = TestApp::start_with(&QUICK).await;
    let (other, endpoint, delivery) = (
        "01900000-0000-7000-8000-00000000000a",
        "01900000-0000-7000-8000-00000000000b",
        "01900000-0000-7000-8000-00000000000c",
    );
    app.database
        .execute(&format!(
            "INSERT INTO accounts (id, name) VALUES ('{other}', 'other'); \
             INSERT INTO webhook_endpoints (id, account_id, url, events, secret) \
             VALUES ('{endpoint}', '{other}', 'http://127.0.0.1:9/', '{{*}}', 'whsec_AAAA'); \
             INSERT INTO webhook_deliveries (endpoint_id, id, account_id, event, data, due_at) \
             VALUES ('{endpoint}', '{delivery}', '{other}', 'ping', '{{}}', now() + interval '1 hour')"
        ))
        .await;
    app.create("Mug", 0).await;
    let redeliver = format!("/{endpoint}/deliveries/{delivery}/redeliver");
    for (method, path, body) in [
        (Method::GET, format!("/{endpoint}"), None),
        (
            Method::PATCH,
            format!("/{endpoint}"),
            Some(json!({"enabled": false})),
        ),
        (Method::DELETE, format!("/{endpoint}"), None),
        (Method::GET, format!("/{endpoint}/deliveries"), None),
        (Method::POST, format!("/{endpoint}/ping"), None),
        (Method::POST, format!("/{endpoint}/rotate-secret"), None),
        (Method::POST, redeliver, None),
        (Method::GET, "/colour".to_owned(), None),
    ] {
        let refused = app.ask(method, &path, body).await;
        assert_eq!(problem(&refused), (404, "not_found"), "{path}");
    }
    assert_eq!(app.get(ENDPOINTS).await.body, json!({"data": []}));
    let untouched = "SELECT 1 FROM webhook_endpoints JOIN webhook_deliveries ON endpoint_id = webhook_endpoints.id \
                     WHERE version = 1 AND enabled AND attempts = 0";
    assert_eq!(app.database.rows(untouched).await.unwrap().len(), 1);
    assert_eq!(app.database.count("webhook_deliveries").await, 1);
}
