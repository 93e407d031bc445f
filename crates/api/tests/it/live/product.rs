//! The stream of one product.

use domain::ImageErrorCode;
use serde_json::json;
use storage_postgres::{Database, image_result_apply};

use super::{Block, Events, path, rename};
use crate::{
    app::TestApp,
    invalidation::{nothing_waits, rename_and_die},
    results::Worker,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_how_the_product_is_and_tells_each_change_once() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    let response = app.open(&path(id), &[]).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        ["content-type", "cache-control", "x-accel-buffering"].map(header),
        ["text/event-stream", "no-store", "no"]
    );
    assert!(response.headers().contains_key("x-request-id"));

    let mut events = Events::of(&app, id, None).await;
    let Some(Block::Settings(fields)) = events.block().await else {
        panic!("it is said first when to come back");
    };
    assert_eq!(fields[0].0, "retry");
    let first = events.expect("product.updated", 1).await;
    assert_eq!(
        (first.id.as_deref(), first.data),
        (Some("1"), json!({"id": id, "version": 1}))
    );

    rename(&app, id, "Cup").await;
    let second = events.expect("product.updated", 2).await;
    assert_eq!(second.id.as_deref(), Some("2"));
    // What the outbox repeats comes before what is changed after it.
    nothing_waits(&app).await;
    rename(&app, id, "Jug").await;
    events.expect("product.updated", 3).await;
    assert_eq!(app.delete(id, &[]).await.status, 204);
    events.expect("product.deleted", 4).await;
    assert!(events.next().await.is_none(), "there is nothing more to expect");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pictures_do_is_told_by_every_api_whichever_heard_it_from_the_worker() {
    let app = TestApp::start().await;
    let beside = app.start_beside(&[]).await;
    let created = app.create("Mug", 2).await;
    let id = created.id();
    let mut streams = [
        Events::of(&app, id, None).await,
        Events::of(&beside, id, None).await,
    ];
    for stream in &mut streams {
        stream.expect("product.updated", 1).await;
    }
    let worker = Worker::new(&app, &created, 0);
    let image = &created.body["images"][0]["id"];
    let told = |version: i64, status: &str| json!({"id": image, "product_id": id, "version": version, "status": status});
    worker.started(1).await;
    for stream in &mut streams {
        let event = stream.expect("image.processing", 2).await;
        assert_eq!(event.data, told(2, "processing"));
    }
    worker.processed().await;
    for stream in &mut streams {
        let event = stream.expect("image.ready", 3).await;
        assert_eq!((event.id.as_deref(), event.data), (Some("3"), told(3, "ready")));
    }
    Worker::new(&app, &created, 1)
        .failed(ImageErrorCode::CorruptImage)
        .await;
    for stream in &mut streams {
        stream.expect("image.failed", 4).await;
    }
    rename(&app, id, "Cup").await;
    rename(&beside, id, "Jug").await;
    for stream in &mut streams {
        stream.expect("product.updated", 5).await;
        stream.expect("product.updated", 6).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_told_what_was_missed_and_nothing_that_was_not() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    let mut events = Events::of(&app, id, None).await;
    let known = events.expect("product.updated", 1).await.id;
    drop(events);
    rename(&app, id, "Cup").await;
    rename(&app, id, "Jug").await;
    let mut events = Events::of(&app, id, known.as_deref()).await;
    let known = events.expect("product.updated", 3).await.id;
    drop(events);
    nothing_waits(&app).await;
    let mut events = Events::of(&app, id, known.as_deref()).await;
    rename(&app, id, "Pot").await;
    events.expect("product.updated", 4).await;
    drop(events);
    // As after a backup that was put back.
    let mut events = Events::of(&app, id, Some("90")).await;
    events.expect("product.updated", 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_process_died_before_it_told_of_it_is_told_by_another() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let id = created.id();
    let mut events = Events::of(&app, id, None).await;
    events.expect("product.updated", 1).await;
    rename_and_die(&app, id, "Cup").await;
    events.expect("product.updated", 2).await;

    let database = Database::new(&app.database.config()).unwrap();
    let worker = Worker::new(&app, &created, 0);
    let result = worker.begun(1);
    image_result_apply(&database, &result, &storage_postgres::Cause::default())
        .await
        .unwrap();
    let event = events.expect("image.processing", 3).await;
    assert_eq!(event.data["id"], created.body["images"][0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_refused() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    for unknown in ["01900000-0000-7000-8000-00000000abcd", "mug"] {
        assert_eq!(app.get(&path(unknown)).await.status, 404, "{unknown}");
    }
    let query = app.get(&format!("{}?last_event_id=1", path(id))).await;
    assert_eq!(
        (query.status, &query.body["code"]),
        (400, &json!("invalid_query"))
    );
    for wrong in ["one", "-1", "1.5", "99999999999999999999", "+1"] {
        let headers = [("last-event-id", wrong)];
        let answer = app
            .send(reqwest::Method::GET, &path(id), &headers, Vec::new())
            .await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("invalid_header")),
            "{wrong}"
        );
    }
}
