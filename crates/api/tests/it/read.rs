//! `GET /api/v1/products/{id}`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::eventually;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_has_the_current_version_gets_no_body() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let path = format!("/api/v1/products/{id}");
    let known = app
        .send(Method::GET, &path, &[("if-none-match", "\"1\"")], Vec::new())
        .await;
    assert_eq!(
        (known.status, known.text.as_str(), known.header("etag")),
        (304, "", "\"1\"")
    );
    let changed = app
        .send(Method::GET, &path, &[("if-none-match", "\"0\"")], Vec::new())
        .await;
    assert_eq!(changed.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_is_heeded_by_reads_and_comes_first() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let path = format!("/api/v1/products/{id}");
    let read = async |method: Method, headers: &[(&str, &str)]| {
        let answer = app.send(method, &path, headers, Vec::new()).await;
        assert_eq!(answer.header("etag"), "\"1\"");
        answer.status
    };
    for method in [Method::GET, Method::HEAD] {
        let read = async |headers: &[(&str, &str)]| read(method.clone(), headers).await;
        assert_eq!(read(&[("if-match", "\"1\"")]).await, 200);
        assert_eq!(read(&[("if-match", "*")]).await, 200);
        assert_eq!(read(&[("if-match", "\"2\"")]).await, 412);
        assert_eq!(read(&[("if-match", "W/\"1\"")]).await, 412);
        assert_eq!(
            read(&[("if-match", "\"2\""), ("if-none-match", "\"1\"")]).await,
            412
        );
        assert_eq!(
            read(&[("if-match", "\"1\""), ("if-none-match", "W/\"1\"")]).await,
            304
        );
        // There are no dates of changes, so conditions on them are none.
        assert_eq!(
            read(&[("if-modified-since", "Sat, 01 Jan 2050 00:00:00 GMT")]).await,
            200
        );
        assert_eq!(
            read(&[("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT")]).await,
            200
        );
    }
    // What would be a 404 anyway is one, whatever the condition.
    let nowhere = "/api/v1/products/00000000-0000-7000-8000-000000000000";
    let answer = app
        .send(Method::GET, nowhere, &[("if-match", "*")], Vec::new())
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_wherever_get_does_with_the_same_head() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let endpoint = json!({"url": "https://example.com/hook", "events": ["*"]});
    let json = ("content-type", "application/json");
    let endpoints = "/api/v1/webhook-endpoints";
    let endpoint = app
        .send(
            Method::POST,
            endpoints,
            &[json],
            endpoint.to_string().into_bytes(),
        )
        .await;
    let endpoint = endpoint.header("location").to_owned();
    let deliveries = format!("{endpoint}/deliveries");
    let paths = [
        created.header("location"),
        "/api/v1/products?limit=1",
        endpoints,
        &endpoint,
        &deliveries,
        "/health/live",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/problems/not-found",
        // So do errors.
        "/api/v1/products/none",
        "/api/v1/products?colour=blue",
        "/nowhere",
    ];
    for path in paths {
        let get = app.get(path).await;
        let head = app.send(Method::HEAD, path, &[], Vec::new()).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        let named = |answer: &crate::app::Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers.remove("x-request-id");
            headers
        };
        assert_eq!(named(&head), named(&get), "{path}");
        assert!(!get.header("content-length").is_empty(), "{path}");
    }
    let known = [("if-none-match", "\"1\"")];
    let head = app
        .send(Method::HEAD, created.header("location"), &known, Vec::new())
        .await;
    assert_eq!((head.status, head.header("etag")), (304, "\"1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_never_shows_less_than_the_last_write() {
    let app = TestApp::start().await;
    let id = app.create("Mug 0", 0).await.id().to_owned();
    for round in 1..20 {
        // The first read may fill the cache, the second may come from it.
        app.product(&id).await;
        let name = format!("Mug {round}");
        assert_eq!(app.patch(&id, &[], json!({"name": name})).await.status, 200);
        for _ in 0..2 {
            assert_eq!(app.product(&id).await.body["name"], name);
        }
    }
    assert_eq!(app.delete(&id, &[]).await.status, 204);
    assert_eq!(app.product(&id).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_read_is_served_without_the_database() {
    let app = TestApp::start().await;
    // A process that has just started must first catch up with what Redis may have missed.
    eventually(Duration::from_secs(20), async || {
        let id = app.create("Mug", 0).await.id().to_owned();
        let first = app.product(&id).await;
        app.database
            .execute(&format!("DELETE FROM products WHERE id = '{id}'"))
            .await;
        let second = app.product(&id).await;
        ((second.status, second.body) == (200, first.body)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_without_a_cache() {
    let app = TestApp::start_with(&[("PMS__REDIS__PORT", "1")]).await;
    let id = app.create("Mug", 0).await.id().to_owned();
    for _ in 0..20 {
        assert_eq!(app.product(&id).await.status, 200);
    }
    assert_eq!(app.get("/health/ready").await.body["status"], "degraded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_identifier_names_nothing() {
    let app = TestApp::start().await;
    for id in ["1", "mug", "00000000-0000-7000-8000-000000000000", "%00"] {
        let answer = app.product(id).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("not_found")),
            "{id}"
        );
    }
}
