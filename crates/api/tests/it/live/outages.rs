//! While Redis is away, and when it is back.

use serde_json::json;
use testkit::{Mode, Proxy, TestRedis};

use super::{Events, rename};
use crate::{app::TestApp, results::Worker};

/// An api that reaches Redis through a line.
pub(super) async fn start() -> (Proxy, TestApp) {
    let redis = TestRedis::create();
    let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let port = proxy.address().port().to_string();
    let app = TestApp::start_with(&[("PMS__REDIS__PORT", &port)]).await;
    (proxy, app)
}

async fn nothing_is_lost_while(mode: Mode) {
    let (proxy, app) = start().await;
    let created = app.create("Mug", 1).await;
    let id = created.id();
    let mut events = Events::of(&app, id, None).await;
    events.expect("product.updated", 1).await;
    rename(&app, id, "Cup").await;
    events.expect("product.updated", 2).await;

    proxy.set(mode);
    rename(&app, id, "Jug").await;
    events.until(3).await;
    Worker::new(&app, &created, 0).processed().await;
    events.until(4).await;
    // Streams can be opened as well.
    let mut late = Events::of(&app, id, Some("2")).await;
    late.until(4).await;
    rename(&app, id, "Pot").await;
    proxy.set(Mode::Pass);
    rename(&app, id, "Pan").await;
    let told = events.until(6).await;
    let versions: Vec<_> = told
        .iter()
        .map(|event| event.data["version"].as_i64().unwrap())
        .collect();
    assert!(
        versions.is_sorted() && versions.iter().all(|version| *version > 4),
        "{versions:?}"
    );
    late.until(6).await;

    rename(&app, id, "Tin").await;
    events.until(7).await;
    assert_eq!(app.delete(id, &[]).await.status, 204);
    for mut stream in [events, late] {
        while let Some(event) = stream.next().await {
            assert_eq!(event.data["id"], json!(id));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_redis_is_cut_off() {
    nothing_is_lost_while(Mode::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_redis_hangs() {
    nothing_is_lost_while(Mode::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_while_redis_is_away_ends_the_stream() {
    let (proxy, app) = start().await;
    let created = app.create("Mug", 0).await;
    let mut events = Events::of(&app, created.id(), None).await;
    events.expect("product.updated", 1).await;
    proxy.set(Mode::Cut);
    assert_eq!(app.delete(created.id(), &[]).await.status, 204);
    events.expect("product.deleted", 2).await;
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_cut_off_from_redis_tells_the_streams_of_the_others_all_the_same() {
    let app = TestApp::start().await;
    let redis = format!("{}:{}", app.redis.host, app.redis.port);
    let proxy = Proxy::start(redis).await;
    let port = proxy.address().port().to_string();
    let cut_off = app.start_beside(&[("PMS__REDIS__PORT", &port)]).await;
    let created = app.create("Mug", 0).await;
    let mut events = Events::of(&app, created.id(), None).await;
    events.expect("product.updated", 1).await;
    proxy.set(Mode::Cut);
    rename(&cut_off, created.id(), "Cup").await;
    events.expect("product.updated", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_and_without_redis_changes_are_told_and_nothing_stays_in_the_outbox() {
    let settings = [("PMS__CACHE__ENABLED", "false"), ("PMS__REDIS__PORT", "1")];
    let app = TestApp::start_with(&settings).await;
    let created = app.create("Mug", 0).await;
    let mut events = Events::of(&app, created.id(), None).await;
    events.expect("product.updated", 1).await;
    rename(&app, created.id(), "Cup").await;
    events.expect("product.updated", 2).await;
    crate::invalidation::nothing_waits(&app).await;
}
