//! From a change to a receiver.

use domain::ImageErrorCode;
use reqwest::Method;
use serde_json::json;
use testkit::eventually;

use super::{
    QUICK, SOON, quick, received,
    receiver::{Conduct, Receiver},
};
use crate::{app::TestApp, results::Worker};

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_product_reaches_who_wants_to_hear_of_it() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(204)).await;
    let topics = ["product.created", "product.updated", "product.deleted"];
    let (id, _) = app.endpoint(&receiver.url(), &topics).await;
    let product = app.create("Mug", 0).await;
    app.patch(product.id(), &[], json!({"name": "Cup"})).await;
    app.delete(product.id(), &[]).await;
    let mut told: Vec<_> = received(&receiver, 3)
        .await
        .into_iter()
        .map(|received| {
            assert_eq!(received.path, "/hook");
            assert_eq!(received.headers["content-type"], "application/json");
            assert_eq!(received.body["data"]["id"], product.id());
            assert!(received.body["timestamp"].as_str().unwrap().ends_with('Z'));
            let version = received.body["data"]["version"].as_i64().unwrap();
            (version, received.event().to_owned())
        })
        .collect();
    // In any order: the version says what came before what.
    told.sort();
    let expected = [(1, topics[0]), (2, topics[1]), (3, topics[2])];
    assert_eq!(told, expected.map(|(version, event)| (version, event.to_owned())));
    app.newest_is(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_tell_how_they_end_and_the_last_of_them_that_all_have() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let topics = ["image.ready", "image.failed", "product.images_completed"];
    app.endpoint(&receiver.url(), &topics).await;
    let product = app.create("Mug", 2).await;
    Worker::new(&app, &product, 0).processed().await;
    received(&receiver, 1).await;
    Worker::new(&app, &product, 1)
        .failed(ImageErrorCode::UnsupportedFormat)
        .await;
    let mut told: Vec<_> = received(&receiver, 3)
        .await
        .into_iter()
        .map(|received| (received.event().to_owned(), received.body["data"].clone()))
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let images = &product.body["images"];
    let failed = &told[0].1;
    assert_eq!(
        (&failed["id"], &failed["error"]["code"], &failed["version"]),
        (&images[1]["id"], &json!("unsupported_format"), &json!(3))
    );
    let ready = json!({"id": images[0]["id"], "product_id": product.id(), "version": 2});
    let completed = json!({"id": product.id(), "version": 3, "images_status": "partial"});
    let rest = [(topics[0], ready), (topics[2], completed)];
    assert_eq!(told[1..], rest.map(|(event, data)| (event.to_owned(), data)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_for_a_while_gets_everything_once_it_is_back() {
    let app = TestApp::start_with(&quick(&[(
        "PMS__WEBHOOKS__RETRY_DELAYS",
        "[100ms, 200ms, 300ms, 400ms, 500ms, 1s, 2s, 4s]",
    )]))
    .await;
    let port = testkit::free_port();
    let (id, _) = app
        .endpoint(&format!("http://127.0.0.1:{port}/hook"), &["product.created"])
        .await;
    for name in ["Mug", "Cup"] {
        app.create(name, 0).await;
    }
    let down = app
        .newest(&id, |delivery| {
            delivery["attempts"].as_array().unwrap().len() >= 2
        })
        .await;
    assert_eq!(
        (&down["status"], &down["attempts"][0]["error"]),
        (&json!("pending"), &json!("connection_failed"))
    );
    assert!(down["attempts"][0]["status_code"].is_null());
    let receiver = Receiver::start_at(port, Conduct::Status(200)).await;
    received(&receiver, 2).await;
    eventually(SOON, async || {
        let log = app.log(&id).await;
        log.iter()
            .all(|delivery| delivery["status"] == "delivered")
            .then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_only_fails_is_given_up_after_its_last_rung_and_can_be_asked_for_again() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(500)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let failed = app.newest_is(&id, "failed").await;
    let came = receiver.received();
    assert_eq!(came.len(), 4, "once, and once for each of three rungs");
    assert!(
        came.iter()
            .all(|again| again.id() == came[0].id() && again.text == came[0].text)
    );
    assert_eq!(failed["id"], came[0].id());
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(failed["attempts"][3]["status_code"], 500);
    assert!(failed["next_attempt_at"].is_null() && failed["ended_at"].is_string());

    receiver.behave(Conduct::Status(200));
    let path = format!("/{id}/deliveries/{}/redeliver", came[0].id());
    let again = app.ask(Method::POST, &path, None).await;
    assert_eq!((again.status, &again.body["status"]), (202, &json!("pending")));
    let delivered = app.newest_is(&id, "delivered").await;
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 5);
    let came = received(&receiver, 5).await;
    assert_eq!(came[4].id(), came[0].id(), "it is the same delivery");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_has_taken_can_be_asked_for_again() {
    let app = TestApp::start_with(&QUICK).await;
    let receiver = Receiver::start(Conduct::Status(200)).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let delivered = app.newest_is(&id, "delivered").await;
    let path = format!("/{id}/deliveries/{}/redeliver", delivered["id"].as_str().unwrap());
    assert_eq!(app.ask(Method::POST, &path, None).await.status, 202);
    received(&receiver, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_holds_up_no_other() {
    // Two places in all, of which the slow one may take one.
    let app = TestApp::start_with(&quick(&[
        ("PMS__WEBHOOKS__REQUEST_TIMEOUT", "1m"),
        ("PMS__WEBHOOKS__CONCURRENCY", "2"),
        ("PMS__WEBHOOKS__PER_ENDPOINT", "1"),
        ("PMS__SHUTDOWN__GRACE", "0s"),
    ]))
    .await;
    let slow = Receiver::start(Conduct::Silence).await;
    app.endpoint(&slow.url(), &["*"]).await;
    for _ in 0..5 {
        app.create("Mug", 0).await;
    }
    received(&slow, 1).await;
    let quick = Receiver::start(Conduct::Status(200)).await;
    app.endpoint(&quick.url(), &["*"]).await;
    for _ in 0..5 {
        app.create("Cup", 0).await;
    }
    received(&quick, 5).await;
    assert_eq!(slow.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_a_failure() {
    let app = TestApp::start_with(&quick(&[("PMS__WEBHOOKS__REQUEST_TIMEOUT", "200ms")])).await;
    let receiver = Receiver::start(Conduct::Silence).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let failed = app.newest_is(&id, "failed").await;
    let last = &failed["attempts"][3];
    assert_eq!(
        (&last["error"], &last["status_code"]),
        (&json!("timeout"), &json!(null))
    );
    let took = last["duration_ms"].as_u64().unwrap();
    assert!((200..5_000).contains(&took), "{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_read_for_a_little_and_counts() {
    let app = TestApp::start_with(&quick(&[("PMS__WEBHOOKS__REQUEST_TIMEOUT", "1m")])).await;
    let receiver = Receiver::start(Conduct::Endless).await;
    let (id, _) = app.endpoint(&receiver.url(), &["*"]).await;
    app.create("Mug", 0).await;
    let delivered = app.newest_is(&id, "delivered").await;
    assert_eq!(delivered["attempts"][0]["status_code"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_reaches_its_endpoint_alone() {
    let app = TestApp::start_with(&QUICK).await;
    let (receiver, other) = (
        Receiver::start(Conduct::Status(200)).await,
        Receiver::start(Conduct::Status(200)).await,
    );
    let (id, _) = app.endpoint(&receiver.url(), &["product.deleted"]).await;
    app.endpoint(&other.url(), &["*"]).await;
    let pinged = app.ask(Method::POST, &format!("/{id}/ping"), None).await;
    assert_eq!((pinged.status, &pinged.body["event"]), (202, &json!("ping")));
    let came = received(&receiver, 1).await;
    assert_eq!(
        (came[0].event(), &came[0].body["data"]),
        ("ping", &json!({"endpoint_id": id}))
    );
    assert_eq!(came[0].id(), pinged.id());
    app.newest_is(&id, "delivered").await;
    assert_eq!(other.received().len(), 0);
}
