use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

fn path(product: &Answer, index: usize) -> String {
    let image = product.body["images"][index]["id"].as_str().unwrap();
    format!("/api/v1/products/{}/images/{image}", product.id())
}

async fn patch(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [headers, &[("content-type", "application/merge-patch+json")]].concat();
    app.send(Method::PATCH, path, &headers, body.to_string().into_bytes())
        .await
}

async fn delete(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.send(Method::DELETE, path, headers, Vec::new()).await
}

fn sources(indices: &[usize]) -> Vec<String> {
    let sources = indices.iter();
    sources
        .map(|index| format!("https://example.com/{index}.jpg"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_text_and_place_and_the_others_close_up() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 4).await;
    // The cache holds what there was.
    app.product(product.id()).await;
    let moved = patch(
        &app,
        &path(&product, 0),
        &[],
        &json!({"position": 2, "alt": "From above"}),
    )
    .await;
    assert_eq!((moved.status, moved.header("etag")), (200, "\"2\""));
    assert_eq!(
        (&moved.body["position"], &moved.body["alt"]),
        (&json!(2), &json!("From above"))
    );
    assert_eq!(app.order(product.id()).await, sources(&[1, 2, 0, 3]));
    let shown = app.product(product.id()).await;
    assert_eq!(
        (&shown.body["version"], &shown.body["images"][2]),
        (&json!(2), &moved.body)
    );

    let plain = patch(
        &app,
        &path(&product, 0),
        &[],
        &json!({"alt": null, "position": 19}),
    )
    .await;
    assert_eq!(
        (&plain.body["position"], &plain.body["alt"]),
        (&json!(3), &Value::Null)
    );
    let same = patch(&app, &path(&product, 0), &[], &json!({"position": 3})).await;
    assert_eq!(
        (same.status, same.header("etag")),
        (200, "\"3\""),
        "nothing has changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_version_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 2).await;
    let path = path(&product, 0);
    let old = [("if-match", "\"7\"")];
    for refused in [
        patch(&app, &path, &old, &json!({"alt": "x"})).await,
        delete(&app, &path, &old).await,
    ] {
        assert_eq!((refused.status, refused.header("etag")), (412, "\"1\""));
    }
    assert_eq!(app.product(product.id()).await.body, product.body);
    let current = [("if-match", "\"1\"")];
    assert_eq!(
        patch(&app, &path, &current, &json!({"alt": "x"})).await.status,
        200
    );
    assert_eq!(delete(&app, &path, &[("if-match", "\"2\"")]).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_breaks_rules_changes_nothing_and_lists_them_all() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 1).await;
    for (body, expected) in [
        (
            json!({"alt": 1, "position": null, "status": "ready"}),
            ["#/status", "#/alt", "#/position"],
        ),
        (
            json!({"alt": "x".repeat(501), "position": 20, "id": null}),
            ["#/id", "#/alt", "#/position"],
        ),
    ] {
        let refused = patch(&app, &path(&product, 0), &[], &body).await;
        assert_eq!(refused.status, 422);
        let faults = refused.body["errors"].as_array().unwrap();
        let pointers: Vec<_> = faults
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, expected, "{}", refused.text);
    }
    assert_eq!(app.product(product.id()).await.body, product.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_picture_is_gone_and_the_others_close_up() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 3).await;
    app.product(product.id()).await;
    assert_eq!(delete(&app, &path(&product, 1), &[]).await.status, 204);
    assert_eq!(app.get(&path(&product, 1)).await.status, 404);
    assert_eq!(delete(&app, &path(&product, 1), &[]).await.status, 404);
    assert_eq!(app.order(product.id()).await, sources(&[0, 2]));
    let shown = app.product(product.id()).await;
    assert_eq!(
        (&shown.body["version"], &shown.body["images"][1]["position"]),
        (&json!(2), &json!(1))
    );
}
