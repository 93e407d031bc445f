//! Web pages that call from a browser.

use reqwest::Method;
use serde_json::json;

use crate::app::{Answer, TestApp};

const SHOP: &str = "https://shop.example.com";
const ALLOWED: (&str, &str) = (
    "PMS__SERVER__CORS__ALLOWED_ORIGINS",
    "[\"https://shop.example.com\"]",
);
const PRODUCTS: &str = "/api/v1/products";

/// Asks as a browser does before it calls.
async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,if-match"),
    ];
    app.send(Method::OPTIONS, path, &headers, Vec::new()).await
}

async fn get_from(app: &TestApp, path: &str, origin: &str) -> Answer {
    app.send(Method::GET, path, &[("origin", origin)], Vec::new())
        .await
}

fn assert_readable(answer: &Answer) {
    assert_eq!(
        answer.header("access-control-allow-origin"),
        SHOP,
        "{}",
        answer.text
    );
    assert!(answer.header("vary").contains("Origin"));
    let exposed = answer.header("access-control-expose-headers");
    for header in [
        "ETag",
        "Link",
        "Location",
        "X-Request-Id",
        "RateLimit",
        "Retry-After",
        "Idempotency-Replayed",
    ] {
        assert!(
            exposed.split(", ").any(|name| name == header),
            "{header}: {exposed}"
        );
    }
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_asks_before_it_calls_needs_no_key_and_is_not_counted() {
    let settings = [
        ALLOWED,
        ("PMS__AUTH__MODE", "keys"),
        ("PMS__LIMITS__RATE", "1"),
        ("PMS__LIMITS__BURST", "1"),
    ];
    let app = TestApp::start_with(&settings).await;
    for _ in 0..5 {
        let answer = preflight(&app, PRODUCTS, SHOP).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET, HEAD, POST, PATCH, DELETE"
        );
        let headers = answer.header("access-control-allow-headers").to_lowercase();
        for needed in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
        ] {
            assert!(headers.contains(needed), "{headers}");
        }
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert!(!answer.header("x-request-id").is_empty());
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    // The call itself is as any other.
    assert_eq!(get_from(&app, PRODUCTS, SHOP).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_can_be_read_by_the_pages_that_may_call() {
    let app = TestApp::start_with(&[ALLOWED]).await;
    let listed = get_from(&app, PRODUCTS, SHOP).await;
    assert_eq!(listed.status, 200);
    assert_readable(&listed);
    let invalid = app.post_with(&[("origin", SHOP)], json!({})).await;
    assert_eq!(invalid.status, 422);
    assert_readable(&invalid);
    for (path, status) in [("/api/v1/products?limit=0", 400), ("/nowhere", 404)] {
        let answer = get_from(&app, path, SHOP).await;
        assert_eq!(answer.status, status);
        assert_readable(&answer);
    }
    app.database.refuse_connections().await;
    let unavailable = testkit::eventually(std::time::Duration::from_secs(20), async || {
        let answer = get_from(&app, PRODUCTS, SHOP).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_readable(&unavailable);

    let guarded = TestApp::start_with(&[ALLOWED, ("PMS__AUTH__MODE", "keys")]).await;
    let refused = get_from(&guarded, PRODUCTS, SHOP).await;
    assert_eq!(refused.status, 401);
    assert_readable(&refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_told_nothing() {
    let app = TestApp::start_with(&[ALLOWED]).await;
    for stranger in [
        "https://shop.example.com.evil.example",
        "http://shop.example.com",
        "null",
        "*",
    ] {
        let asked = preflight(&app, PRODUCTS, stranger).await;
        assert_eq!(asked.status, 204);
        let called = get_from(&app, PRODUCTS, stranger).await;
        assert_eq!(called.status, 200);
        for answer in [asked, called] {
            assert!(
                !answer.headers.contains_key("access-control-allow-origin"),
                "{stranger}"
            );
            assert!(
                !answer.headers.contains_key("access-control-allow-methods"),
                "{stranger}"
            );
            // Or a cache would give the shop an answer that it cannot read.
            assert!(answer.header("vary").contains("Origin"));
        }
    }
    assert!(app.get(PRODUCTS).await.header("vary").contains("Origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_may_call_where_the_settings_say_so() {
    let app = TestApp::start_with(&[("PMS__SERVER__CORS__ALLOWED_ORIGINS", "[\"*\"]")]).await;
    for answer in [
        preflight(&app, PRODUCTS, "https://any.example.com").await,
        get_from(&app, PRODUCTS, "https://any.example.com").await,
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_may_call_unless_the_settings_say_so() {
    let app = TestApp::start().await;
    let asked = preflight(&app, PRODUCTS, SHOP).await;
    assert_eq!(asked.status, 405);
    let called = get_from(&app, PRODUCTS, SHOP).await;
    assert_eq!(called.status, 200);
    for answer in [asked, called] {
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        assert!(!answer.headers.contains_key("vary"));
    }
}
