use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use testkit::eventually;

use super::by_address;
use crate::app::{TestApp, redacted};

#[tokio::test(flavor = "multi_thread")]
async fn an_added_picture_is_answered_whole_and_found_where_location_says() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 1).await;
    let body = json!({"source_url": "https://example.com/new.jpg", "alt": " From above ", "position": 0});
    let added = app.add_image(product.id(), &[], &body).await;
    assert_eq!((added.status, added.header("etag")), (201, "\"2\""));
    insta::assert_json_snapshot!("added_picture", redacted(&added.body));
    let found = app.get(added.header("location")).await;
    assert_eq!(
        (found.status, &found.body, found.header("etag")),
        (200, &added.body, "\"2\"")
    );
    let shown = app.product(product.id()).await;
    assert_eq!(
        (&shown.body["version"], &shown.body["images_status"]),
        (&json!(2), &json!("pending"))
    );
    assert_eq!(shown.body["images"][0], added.body);
    eventually(Duration::from_secs(15), async || {
        (app.jobs().await == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_moves_the_others_and_without_one_a_picture_is_the_last() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 0).await;
    for (name, position) in [
        ("a", None),
        ("b", Some(0)),
        ("c", Some(1)),
        ("d", Some(19)),
        ("a", None),
    ] {
        let mut body = by_address(name);
        if let Some(position) = position {
            body["position"] = json!(position);
        }
        assert_eq!(app.add_image(product.id(), &[], &body).await.status, 201);
    }
    // The same address may come twice.
    let expected = ["b", "c", "a", "d", "a"].map(|name| format!("https://example.com/{name}.jpg"));
    assert_eq!(app.order(product.id()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twenty_first_picture_is_a_conflict() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 20).await;
    let refused = app.add_image(product.id(), &[], &by_address("a")).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("too_many_images"))
    );
    assert_eq!(app.product(product.id()).await.body, product.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_answers_as_the_first_did_and_another_body_is_refused() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 0).await;
    let key = [("idempotency-key", "a")];
    let first = app.add_image(product.id(), &key, &by_address("a")).await;
    let again = app.add_image(product.id(), &key, &by_address("a")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(
        (&first.body, first.header("location")),
        (&again.body, again.header("location"))
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = app.add_image(product.id(), &key, &by_address("b")).await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    assert_eq!(app.order(product.id()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_faults_gets_them_all_and_adds_nothing() {
    let app = TestApp::start().await;
    let product = app.create("Mug", 0).await;
    let body = json!({"source_url": "ftp://example.com/a.jpg", "alt": 7, "position": -1, "title": "x"});
    let refused = app.add_image(product.id(), &[], &body).await;
    assert_eq!(refused.status, 422);
    let faults: Vec<_> = refused.body["errors"].as_array().unwrap().iter().collect();
    let pointers: Vec<_> = faults
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["#/source_url", "#/alt", "#/position", "#/title"]);

    let path = format!("/api/v1/products/{}/images", product.id());
    let text = app
        .send(
            Method::POST,
            &path,
            &[("content-type", "text/plain")],
            b"a".to_vec(),
        )
        .await;
    assert_eq!(
        (text.status, text.header("accept")),
        (415, "application/json, multipart/form-data")
    );
    let nowhere = format!("{path}?position=1");
    let json = [("content-type", "application/json")];
    assert_eq!(
        app.send(Method::POST, &nowhere, &json, b"{}".to_vec())
            .await
            .status,
        400
    );
    assert_eq!(app.product(product.id()).await.body, product.body);
    let unknown = app
        .add_image("01900000-0000-7000-8000-00000000beef", &[], &by_address("a"))
        .await;
    assert_eq!(unknown.status, 404);
}
