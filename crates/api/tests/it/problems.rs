//! Every bad request gets the problem that the contract names, and says all that is wrong.

use std::time::Duration;

use domain::ProblemCode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, redacted};

const PRODUCTS: &str = "/api/v1/products";
const JSON: (&str, &str) = ("content-type", "application/json");

/// What holds for every problem, whatever it is.
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let shown = &answer.text;
    assert_eq!(answer.status, status, "{shown}");
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{shown}"
    );
    assert_eq!(answer.body["code"], code, "{shown}");
    assert_eq!(answer.body["status"], status);
    assert_eq!(
        answer.body["type"],
        format!("/problems/{}", code.replace('_', "-"))
    );
    assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
    assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_many_faults_gets_them_all_at_once() {
    let app = TestApp::start().await;
    let answer = app
        .post(json!({
            "name": "", "sku": "ä", "price": {"amount": "1.999", "currency": "EUR"}, "status": "gone", "colour": "blue",
            "images": [{"source_url": "ftp://example.com/a.jpg", "title": "x"}],
        }))
        .await;
    assert_problem(&answer, 422, "validation_failed");
    insta::assert_json_snapshot!("validation_failed", redacted(&answer.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_many_faults_gets_them_all_at_once() {
    let app = TestApp::start().await;
    let answer = app
        .get("/api/v1/products?limit=101&sort=colour&colour=blue&status=sold&min_price=cheap")
        .await;
    assert_problem(&answer, 400, "invalid_query");
    insta::assert_json_snapshot!("invalid_query", redacted(&answer.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_is_told_where_it_breaks() {
    let app = TestApp::start().await;
    for body in [
        "{",
        "{\"name\": }",
        "\u{0}",
        "[1,]",
        "{\"name\": \"A\", \"name\": \"B\"}",
    ] {
        let answer = app.send(Method::POST, PRODUCTS, &[JSON], body.into()).await;
        assert_problem(&answer, 400, "malformed_json");
        assert!(
            answer.body["detail"].as_str().unwrap().contains("line 1"),
            "{}",
            answer.text
        );
    }
    for (body, word) in [
        (&b""[..], "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\"\xff\"", "JSON"),
    ] {
        let answer = app.send(Method::POST, PRODUCTS, &[JSON], body.to_vec()).await;
        assert_problem(&answer, 400, "malformed_json");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(word),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_media_types_are_refused_with_those_that_are_read() {
    let app = TestApp::start().await;
    let body = json!({"name": "Mug", "price": {"amount": "5"}})
        .to_string()
        .into_bytes();
    for headers in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "application/merge-patch+json")],
    ] {
        let answer = app.send(Method::POST, PRODUCTS, headers, body.clone()).await;
        assert_problem(&answer, 415, "unsupported_media_type");
        assert_eq!(answer.header("accept"), "application/json");
    }
    let created = app
        .send(
            Method::POST,
            PRODUCTS,
            &[("content-type", "application/JSON;charset=\"UTF-8\"")],
            body,
        )
        .await;
    assert_eq!(created.status, 201);
    let patch = app
        .send(
            Method::PATCH,
            created.header("location"),
            &[("content-type", "text/plain")],
            b"{}".to_vec(),
        )
        .await;
    assert_problem(&patch, 415, "unsupported_media_type");
    assert_eq!(
        patch.header("accept-patch"),
        "application/merge-patch+json, application/json"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused() {
    let app = TestApp::start_with(&[("PMS__SERVER__MAX_BODY_BYTES", "2KiB")]).await;
    let answer = app
        .post(json!({"name": "x".repeat(4_000), "price": {"amount": "5"}}))
        .await;
    assert_problem(&answer, 413, "body_too_large");
    assert!(answer.body["detail"].as_str().unwrap().contains("2048"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_names_the_methods_it_takes() {
    let app = TestApp::start().await;
    let allow = async |method: Method, path: &str| {
        let answer = app.send(method, path, &[], Vec::new()).await;
        assert_problem(&answer, 405, "method_not_allowed");
        answer.header("allow").to_owned()
    };
    assert_eq!(allow(Method::PUT, PRODUCTS).await, "GET, HEAD, POST");
    assert_eq!(
        allow(Method::POST, "/api/v1/products/0199").await,
        "GET, HEAD, PATCH, DELETE"
    );
    assert_eq!(allow(Method::POST, "/health/ready").await, "GET, HEAD");
    assert_eq!(allow(Method::POST, "/docs").await, "GET, HEAD");
    assert_eq!(allow(Method::DELETE, "/openapi.json").await, "GET, HEAD");
    assert_eq!(allow(Method::PUT, "/problems/not-found").await, "GET, HEAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nowhere_is_not_found() {
    let app = TestApp::start().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/product",
        "/api/v1/products/",
        "/problems/none",
        "/docs/none.js",
    ] {
        let answer = app.get(path).await;
        assert_problem(&answer, 404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_headers_are_named() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let answer = app.patch(&id, &[("if-match", "1")], json!({})).await;
    assert_problem(&answer, 400, "invalid_header");
    assert!(answer.body["detail"].as_str().unwrap().contains("if-match"));
    let answer = app
        .post_with(&[("idempotency-key", &"k".repeat(256))], json!({}))
        .await;
    assert_problem(&answer, 400, "invalid_header");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_without_parameters_refuse_them() {
    let app = TestApp::start().await;
    let id = app.create("Mug", 0).await.id().to_owned();
    let answer = app.get(&format!("/api/v1/products/{id}?fields=name")).await;
    assert_problem(&answer, 400, "invalid_query");
    assert_eq!(answer.body["errors"][0]["parameter"], "fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_request_id_comes_back() {
    let app = TestApp::start().await;
    let answer = app
        .send(
            Method::GET,
            "/nowhere",
            &[("x-request-id", "order-7")],
            Vec::new(),
        )
        .await;
    assert_problem(&answer, 404, "not_found");
    assert_eq!(answer.header("x-request-id"), "order-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_a_page() {
    let app = TestApp::start().await;
    for code in ProblemCode::ALL {
        let page = app.get(&format!("/problems/{}", code.slug())).await;
        assert_eq!(page.status, 200, "{code}");
        assert!(
            page.text.contains(code.title()) && page.text.contains(code.as_str()),
            "{code}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_writes_are_told_when_to_come_again() {
    let app = TestApp::start().await;
    app.database.refuse_connections().await;
    let answer = testkit::eventually(Duration::from_secs(20), async || {
        let answer = app.post(json!({"name": "Mug", "price": {"amount": "5"}})).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_problem(&answer, 503, "service_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    assert_eq!(answer.body.get("errors"), None::<&Value>);
    assert!(
        !answer.text.contains("postgres") && !answer.text.contains("127.0.0.1"),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_faults_is_told_in_part() {
    let app = TestApp::start().await;
    let body: serde_json::Map<String, Value> = (0..5_000)
        .map(|index| (format!("field{index}"), json!(1)))
        .collect();
    let answer = app.post(Value::Object(body)).await;
    assert_problem(&answer, 422, "validation_failed");
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(100));
    assert!(
        answer.body["detail"].as_str().unwrap().starts_with("5002 values"),
        "{}",
        answer.body["detail"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_comes_whole_is_not_waited_for_for_ever() {
    let app = TestApp::start_with(&[("PMS__SERVER__REQUEST_TIMEOUT", "500ms")]).await;
    let answer = app.send_half_a_body().await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("x-request-id: half"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_the_limit_are_refused_at_once_and_health_is_not() {
    let settings = [
        ("PMS__SERVER__MAX_IN_FLIGHT", "1"),
        ("PMS__DATABASE__STATEMENT_TIMEOUT", "60s"),
    ];
    let app = TestApp::start_with(&settings).await;
    let created = app.create("Mug", 0).await;
    // Somebody holds the product, and a deletion of it waits: one request is under way.
    let lock = format!("SELECT 1 FROM products WHERE id = '{}' FOR UPDATE", created.id());
    let held = app.database.hold(&lock).await;
    let deleting = app.delete(created.id(), &[]);
    let others = async {
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        testkit::eventually(Duration::from_secs(20), async || {
            (app.database.count(waiting).await > 0).then_some(())
        })
        .await;
        let refused = app.get(PRODUCTS).await;
        assert_problem(&refused, 503, "service_unavailable");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(app.get("/health/live").await.status, 200);
        let metrics = app.get_from_operators("/metrics").await.text;
        assert!(!metrics.contains("http_requests_refused_total 0"), "{metrics}");
        held.release().await;
    };
    let (deleted, ()) = tokio::join!(deleting, others);
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    assert_eq!(app.get(PRODUCTS).await.status, 200);
}
