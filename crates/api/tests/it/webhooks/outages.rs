//! Nothing is lost, and endpoints that nobody listens at any more are disabled.

use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use testkit::eventually;

use super::{
    QUICK, SOON, quick, received,
    receiver::{Conduct, Received, Receiver},
};
use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_loses_nothing() {
    let mut app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(503)).await;
    app.endpoint(&receiver.url(), &["*"]).await;
    let mut products = BTreeSet::new();
    for _ in 0..10 {
        products.insert(app.create("Mug", 0).await.id().to_owned());
    }
    received(&receiver, 1).await;
    app.stop().await;
    let delivered = "SELECT 1 FROM webhook_deliveries WHERE status = 'delivered'";
    assert_eq!(app.database.rows(delivered).await.unwrap().len(), 0);
    receiver.behave(Conduct::Status(200));
    let asked = receiver.received().len();
    let app = app.start_beside(&QUICK).await;
    eventually(SOON, async || {
        let ended = "SELECT 1 FROM webhook_deliveries WHERE status = 'delivered'";
        (app.database.rows(ended).await.unwrap().len() == 10).then_some(())
    })
    .await;
    let came: BTreeSet<_> = receiver.received()[asked..]
        .iter()
        .map(|received| received.body["data"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(came, products);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_an_attempt_repeats_it_with_the_same_id() {
    // What a process had in hand is taken from it after three times this long.
    let settings = quick(&[("PMS__WEBHOOKS__REQUEST_TIMEOUT", "1s")]);
    let mut app = TestApp::start_with(&settings).await;
    let receiver = Receiver::start(Conduct::Silence).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    received(&receiver, 1).await;
    app.crash().await;
    receiver.behave(Conduct::Status(200));
    let app = app.start_beside(&settings).await;
    let delivered = app.newest_is(&id, "delivered").await;
    let came = receiver.received();
    assert_eq!(came.len(), 2);
    assert_eq!((came[0].id(), &came[0].text), (came[1].id(), &came[1].text));
    // The attempt that nobody has seen the end of is no failure.
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_side_by_side_deliver_each_event_once() {
    let app = TestApp::start_with(&QUICK).await;
    let beside = app.start_beside(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    app.endpoint(&receiver.url(), &["*"]).await;
    for index in 0..20 {
        let app = if index % 2 == 0 { &app } else { &beside };
        app.create("Mug", 0).await;
    }
    eventually(SOON, async || {
        let ended = "SELECT 1 FROM webhook_deliveries WHERE status = 'delivered'";
        (app.database.rows(ended).await.unwrap().len() == 20).then_some(())
    })
    .await;
    let came = receiver.received();
    let ids: BTreeSet<_> = came.iter().map(Received::id).collect();
    assert_eq!((came.len(), ids.len()), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_410_is_disabled_at_once() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(410)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let failed = app.newest_is(&id, "failed").await;
    assert_eq!(failed["attempts"][0]["status_code"], 410);
    let disabled = app.endpoint_now(&id).await;
    assert_eq!(
        (
            &disabled["enabled"],
            &disabled["disabled_reason"],
            &disabled["version"]
        ),
        (&json!(false), &json!("gone"), &json!(2))
    );
    app.create("Cup", 0).await;
    assert_eq!(app.log(&id).await.len(), 1, "nothing new is kept for it");
    for path in [
        "ping".to_owned(),
        format!("deliveries/{}/redeliver", failed["id"].as_str().unwrap()),
    ] {
        let refused = app.ask(Method::POST, &format!("/{id}/{path}"), None).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (409, &json!("webhook_endpoint_disabled"))
        );
    }

    receiver.behave(Conduct::Status(200));
    let enabled = app
        .ask(Method::PATCH, &format!("/{id}"), Some(json!({"enabled": true})))
        .await;
    assert_eq!(
        (enabled.status, &enabled.body["disabled_reason"]),
        (200, &json!(null))
    );
    app.create("Bowl", 0).await;
    app.newest_is(&id, "delivered").await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_has_only_failed_for_long_is_disabled() {
    let app = TestApp::start_with(&quick(&[
        ("PMS__WEBHOOKS__DISABLE_AFTER", "1s"),
        ("PMS__WEBHOOKS__RETRY_DELAYS", "[600ms, 600ms, 600ms, 600ms]"),
    ]))
    .await;
    let receiver = Receiver::start(Conduct::Status(500)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let disabled = eventually(SOON, async || {
        Some(app.endpoint_now(&id).await).filter(|endpoint| endpoint["enabled"] == false)
    })
    .await;
    assert_eq!(disabled["disabled_reason"], "failing");
    // What waited for it still does, and is delivered once it is enabled.
    let waiting = &app.log(&id).await[0];
    assert_eq!(waiting["status"], "pending");
    receiver.behave(Conduct::Status(200));
    app.ask(Method::PATCH, &format!("/{id}"), Some(json!({"enabled": true})))
        .await;
    app.newest_is(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_how_attempts_ended_can_be_watched() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    app.newest_is(&id, "delivered").await;
    let metrics = app.get_from_operators("/metrics").await.text;
    // Tests of one process have their metrics in common, so that there may be more.
    let number = |series: &str| -> Option<f64> {
        let mut lines = metrics.lines();
        lines.find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    };
    for (series, least) in [
        ("webhook_attempts_total{outcome=\"delivered\"}", 1.0),
        ("webhook_attempts_total{outcome=\"failed\"}", 0.0),
        (
            "webhook_attempt_duration_seconds_count{outcome=\"delivered\"}",
            1.0,
        ),
        ("webhook_deliveries_waiting", 0.0),
        ("webhook_deliveries_oldest_due_seconds", 0.0),
        ("webhook_endpoints_disabled_total", 0.0),
    ] {
        assert!(
            number(series).is_some_and(|number| number >= least),
            "{series} is not in\n{metrics}"
        );
    }
}
