//! `/health`.

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_all_its_parts_is_ready() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/health/live").await.body, json!({"status": "live"}));
    let ready = testkit::eventually(std::time::Duration::from_secs(15), async || {
        let answer = app.get("/health/ready").await;
        (answer.body["status"] == "ready").then_some(answer)
    })
    .await;
    assert_eq!(ready.status, 200);
    let parts: Vec<_> = ready.body["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(parts, ["postgresql", "redis", "rabbitmq"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_creates_succeed_and_the_server_stays_ready() {
    let app = TestApp::start_with(&[("PMS__RABBITMQ__PORT", "1")]).await;
    app.create("Mug", 1).await;
    let ready = app.get("/health/ready").await;
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("degraded")));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_find_metrics_and_health_on_a_port_of_their_own() {
    let app = TestApp::start().await;
    app.create("Mug", 0).await;
    let metrics = app.get_from_operators("/metrics").await;
    assert_eq!(metrics.status, 200);
    let line =
        "http_request_duration_seconds_count{method=\"POST\",route=\"/api/v1/products\",status=\"201\"}";
    assert!(metrics.text.contains(line), "{}", metrics.text);
    assert_eq!(app.get_from_operators("/health/live").await.status, 200);
    assert_eq!(app.get("/metrics").await.status, 404, "and not where callers are");
}
