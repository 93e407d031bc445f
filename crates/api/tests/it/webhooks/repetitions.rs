//! Requests that come again with their `Idempotency-Key`.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::eventually;

use super::{
    ENDPOINTS, QUICK, quick,
    receiver::{Conduct, Receiver},
};
use crate::app::{Answer, TestApp};

/// Nobody listens there.
const URL: &str = "http://127.0.0.1:9/";

impl TestApp {
    /// Asks with a key, and for a version where one is given.
    async fn ask_once(&self, path: &str, key: &str, version: Option<&str>) -> Answer {
        let mut headers = vec![("idempotency-key", key)];
        headers.extend(version.map(|version| ("if-match", version)));
        self.send(Method::POST, &format!("{ENDPOINTS}{path}"), &headers, Vec::new())
            .await
    }
}

fn assert_replayed(again: &Answer, first: &Answer) {
    assert_eq!(first.header("idempotency-replayed"), "", "{}", first.text);
    assert_eq!(again.header("idempotency-replayed"), "true", "{}", again.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["cache-control", "content-type", "etag"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_ping_is_delivered_once() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    let ping = format!("/{id}/ping");
    let first = app.ask_once(&ping, "try-1", None).await;
    assert_eq!(first.status, 202, "{}", first.text);
    app.newest_is(&id, "delivered").await;
    assert_replayed(&app.ask_once(&ping, "try-1", None).await, &first);
    // The answer stands, whatever has become of the endpoint.
    app.ask(Method::PATCH, &format!("/{id}"), Some(json!({"enabled": false})))
        .await;
    assert_replayed(&app.ask_once(&ping, "try-1", None).await, &first);
    assert_eq!(app.log(&id).await.len(), 1);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_redelivery_is_delivered_once() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let delivered = app.newest_is(&id, "delivered").await;
    let redeliver = format!("/{id}/deliveries/{}/redeliver", delivered["id"].as_str().unwrap());
    let first = app.ask_once(&redeliver, "again-1", None).await;
    assert_eq!((first.status, &first.body["status"]), (202, &json!("pending")));
    let attempts = async |count: usize| {
        app.newest(&id, |delivery| {
            delivery["attempts"].as_array().unwrap().len() == count
        })
        .await
    };
    attempts(2).await;
    assert_replayed(&app.ask_once(&redeliver, "again-1", None).await, &first);
    assert_eq!(app.log(&id).await[0]["status"], "delivered", "it is not due");
    // Whoever wants it again takes another key.
    app.ask_once(&redeliver, "again-2", None).await;
    attempts(3).await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_rotation_shows_the_same_secret_and_makes_no_second_one() {
    let app = TestApp::start().await;
    let (id, before) = app.endpoint(URL, &["*"]).await;
    let rotate = format!("/{id}/rotate-secret");
    let first = app.ask_once(&rotate, "rotation-1", Some("\"1\"")).await;
    assert_eq!(
        (first.status, first.header("etag"), first.header("cache-control")),
        (200, "\"2\"", "no-store")
    );
    let secret = first.body["secret"].as_str().unwrap();
    assert_ne!(secret, before);
    // The version that was meant has been replaced since, by the first request itself.
    for version in [Some("\"1\""), Some("\"2\""), None] {
        assert_replayed(&app.ask_once(&rotate, "rotation-1", version).await, &first);
    }
    let secrets = app
        .database
        .rows("SELECT secret, previous_secret FROM webhook_endpoints");
    let secrets: Vec<serde_json::Value> = secrets
        .await
        .unwrap()
        .iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    assert_eq!(secrets, [json!({"secret": secret, "previous_secret": before})]);
    assert_eq!(app.endpoint_now(&id).await["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_rotation_leaves_its_key_free() {
    let app = TestApp::start().await;
    let (id, _) = app.endpoint(URL, &["*"]).await;
    let rotate = format!("/{id}/rotate-secret");
    let refused = app.ask_once(&rotate, "rotation-1", Some("\"7\"")).await;
    assert_eq!((refused.status, refused.header("etag")), (412, "\"1\""));
    assert_eq!(app.endpoint_now(&id).await["version"], 1);
    let rotated = app.ask_once(&rotate, "rotation-1", Some("\"1\"")).await;
    assert_eq!(
        (rotated.status, rotated.header("idempotency-replayed")),
        (200, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_for_its_own_path_alone() {
    let app = TestApp::start().await;
    let (one, _) = app.endpoint(URL, &["*"]).await;
    let (other, _) = app.endpoint(URL, &["*"]).await;
    let mut ids = Vec::new();
    for path in [format!("/{one}/ping"), format!("/{other}/ping")] {
        let pinged = app.ask_once(&path, "the-same", None).await;
        assert_eq!((pinged.status, pinged.header("idempotency-replayed")), (202, ""));
        ids.push(pinged.id().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    for path in [
        format!("/{one}/deliveries/{}/redeliver", ids[0]),
        format!("/{one}/rotate-secret"),
        format!("/{other}/rotate-secret"),
    ] {
        let done = app.ask_once(&path, "the-same", None).await;
        assert!([200, 202].contains(&done.status), "{path}: {}", done.text);
        assert_eq!(done.header("idempotency-replayed"), "", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_at_once_are_carried_out_once() {
    let app = TestApp::start().await;
    let (id, _) = app.endpoint(URL, &["product.deleted"]).await;
    for path in [format!("/{id}/ping"), format!("/{id}/rotate-secret")] {
        let answers = join_all((0..20).map(|_| app.ask_once(&path, "at-once", None))).await;
        let is_replay = |answer: &&Answer| answer.header("idempotency-replayed") == "true";
        assert_eq!(answers.iter().filter(is_replay).count(), 19, "{path}");
        for answer in &answers {
            assert_eq!(
                (answer.status, &answer.text),
                (answers[0].status, &answers[0].text)
            );
        }
    }
    assert_eq!(app.database.count("webhook_deliveries").await, 1);
    assert_eq!(app.endpoint_now(&id).await["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_is_running_its_repetition_is_told_to_wait() {
    let settings = quick(&[("PMS__DATABASE__STATEMENT_TIMEOUT", "500ms")]);
    let app = TestApp::start_with(&settings).await;
    let (id, _) = app.endpoint(URL, &["*"]).await;
    let account = domain::AccountId::DEFAULT;
    for path in ["ping", "rotate-secret"] {
        let path = format!("/{id}/{path}");
        // As another process would that is stuck in the middle of it.
        let first = format!(
            "BEGIN; INSERT INTO idempotency_keys (account_id, method, path, key, fingerprint) \
             VALUES ('{account}', 'POST', '{ENDPOINTS}{path}', 'slow', sha256('')); \
             SELECT pg_sleep(4); ROLLBACK"
        );
        let hold = app.database.execute(&first);
        let repeat = async {
            let asleep = "SELECT 1 FROM pg_stat_activity \
                          WHERE datname = current_database() AND wait_event = 'PgSleep'";
            eventually(Duration::from_secs(4), async || {
                let asleep = app.database.rows(asleep).await.unwrap();
                (!asleep.is_empty()).then_some(())
            })
            .await;
            let refused = app.ask_once(&path, "slow", None).await;
            assert_eq!(
                (refused.status, &refused.body["code"]),
                (409, &json!("idempotency_key_in_use"))
            );
            assert_ne!(refused.header("retry-after"), "");
        };
        futures_util::future::join(hold, repeat).await;
        // The first came to nothing.
        let done = app.ask_once(&path, "slow", None).await;
        assert!([200, 202].contains(&done.status), "{path}: {}", done.text);
        assert_eq!(done.header("idempotency-replayed"), "", "{path}");
    }
    assert_eq!(app.database.count("webhook_deliveries").await, 1);
    assert_eq!(app.endpoint_now(&id).await["version"], 2);
}
