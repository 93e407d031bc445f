//! `POST /api/v1/products`.

use serde_json::json;
use std::time::Duration;

use testkit::eventually;

use crate::app::{TestApp, redacted};

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_created_product_is_answered_whole_and_found_where_location_says() {
    let app = TestApp::start().await;
    let answer = app
        .post(json!({
            "name": "  Enamel mug ",
            "sku": "MUG-01",
            "description": "Holds half a litre.",
            "price": {"amount": "19.9", "currency": "EUR"},
            "status": "draft",
            "metadata": {"colour": "blue"},
            "images": [{"source_url": "https://example.com/mug.jpg", "alt": "A blue mug"}],
        }))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("content-type"), "application/json");
    insta::assert_json_snapshot!("created_product", redacted(&answer.body));
    let found = app.get(answer.header("location")).await;
    assert_eq!((found.status, &found.body), (200, &answer.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_needs_a_name_and_a_price_only() {
    let app = TestApp::start().await;
    let answer = app.post(json!({"name": "Mug", "price": {"amount": "5"}})).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["price"], json!({"amount": "5.00", "currency": "USD"}));
    assert_eq!(answer.body["status"], "active");
    assert_eq!(answer.body["images_status"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_sku_is_a_conflict_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let body = json!({"name": "Mug", "sku": "MUG-01", "price": {"amount": "5"}, "images": [{"source_url": "https://example.com/a.jpg"}]});
    assert_eq!(app.post(body.clone()).await.status, 201);
    let refused = app.post(body).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.body["code"], "duplicate_sku");
    assert_eq!(
        app.get("/api/v1/products?include_total=true").await.body["total"],
        1
    );
    // The refused product's picture never becomes a job.
    eventually(PATIENCE, async || (app.jobs().await == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_twenty_pictures_are_refused() {
    let app = TestApp::start().await;
    let images: Vec<_> = (0..21)
        .map(|index| json!({"source_url": format!("https://example.com/{index}.jpg")}))
        .collect();
    let refused = app
        .post(json!({"name": "Mug", "price": {"amount": "5"}, "images": images}))
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["pointer"], "#/images");
    assert_eq!(refused.body["errors"][0]["code"], "too_many");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeating_a_request_with_its_key_makes_one_product() {
    let app = TestApp::start().await;
    let body = json!({"name": "Mug", "price": {"amount": "5"}});
    let send = |body: serde_json::Value| app.post_with(&[("idempotency-key", "order-1")], body);
    let answers = futures_util::future::join_all((0..20).map(|_| send(body.clone()))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
        assert_eq!(answer.header("location"), answers[0].header("location"));
        assert_eq!(answer.header("etag"), "\"1\"");
    }
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed") == "true")
            .count(),
        19
    );
    assert_eq!(
        app.get("/api/v1/products?include_total=true").await.body["total"],
        1
    );

    let other = send(json!({"name": "Bowl", "price": {"amount": "5"}})).await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (422, &json!("idempotency_key_reused"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_product_may_be_mended_and_sent_again_with_its_key() {
    let app = TestApp::start().await;
    let key = [("idempotency-key", "\"order-2\"")];
    assert_eq!(
        app.post_with(&key, json!({"name": "", "price": {"amount": "5"}}))
            .await
            .status,
        422
    );
    assert_eq!(
        app.post_with(&key, json!({"name": "Mug", "price": {"amount": "5"}}))
            .await
            .status,
        201
    );
}
