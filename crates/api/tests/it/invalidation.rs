//! From the transaction to the cache.

use std::time::Duration;

use domain::{AccountId, ProductDraft};
use storage_postgres::{Database, product_update};

use crate::app::TestApp;

const SOON: Duration = Duration::from_secs(20);

/// Changes the name as a process does that ends before it can tell the cache.
pub(crate) async fn rename_and_die(app: &TestApp, id: &str, name: &str) {
    let database = Database::new(&app.database.config()).unwrap();
    let id = id.parse().unwrap();
    product_update(&database, AccountId::DEFAULT, id, None, |product| {
        Ok::<_, ()>(ProductDraft {
            name: name.to_owned(),
            ..product.draft.clone()
        })
    })
    .await
    .unwrap();
}

async fn name(app: &TestApp, id: &str) -> String {
    app.product(id).await.body["name"].as_str().unwrap().to_owned()
}

pub(crate) async fn nothing_waits(app: &TestApp) {
    testkit::eventually(SOON, async || {
        (app.database.count("outbox").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_process_died_before_it_told_the_cache_is_told_by_another() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    assert_eq!(name(&app, id).await, "Mug");
    rename_and_die(&app, id, "Cup").await;
    testkit::eventually(SOON, async || (name(&app, id).await == "Cup").then_some(())).await;
    nothing_waits(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_nothing_stays_in_the_outbox() {
    let app = TestApp::start_with(&[("PMS__CACHE__ENABLED", "false")]).await;
    let created = app.create("Mug", 0).await;
    rename_and_die(&app, created.id(), "Cup").await;
    nothing_waits(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_cache_was_away_is_never_read_from_it_when_it_is_back() {
    let redis = testkit::TestRedis::create();
    let proxy = testkit::Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let app = TestApp::start_with(&[("PMS__REDIS__PORT", &proxy.address().port().to_string())]).await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    // Read until it is answered from the cache, whose entry outlives the outage.
    for _ in 0..5 {
        assert_eq!(name(&app, id).await, "Mug");
    }
    for round in 0..3 {
        proxy.set(testkit::Mode::Cut);
        let renamed = format!("Cup {round}");
        let changed = app.patch(id, &[], serde_json::json!({"name": renamed})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(name(&app, id).await, renamed);
        proxy.set(testkit::Mode::Pass);
        testkit::eventually(SOON, async || {
            assert_eq!(name(&app, id).await, renamed);
            (app.database.count("outbox").await == 0).then_some(())
        })
        .await;
        assert_eq!(name(&app, id).await, renamed);
    }
}

/// A row that cannot be read, before all others: nothing of the outbox reaches the cache any more.
const OBSTACLE: &str = "INSERT INTO outbox (id, message_id, work, type_name, correlation_id, body) \
                        OVERRIDING SYSTEM VALUE \
                        VALUES (-1, gen_random_uuid(), 'cache', 'product.changed.v1', gen_random_uuid(), '\\x00')";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_one_process_cannot_tell_redis_of_is_not_read_from_redis_by_another() {
    let app = TestApp::start().await;
    let redis = format!("{}:{}", app.redis.host, app.redis.port);
    let proxy = testkit::Proxy::start(redis).await;
    let port = proxy.address().port().to_string();
    let cut_off = app.start_beside(&[("PMS__REDIS__PORT", &port)]).await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    testkit::eventually(SOON, async || {
        assert_eq!(name(&app, id).await, "Mug");
        (!app.redis.entries().unwrap().is_empty()).then_some(())
    })
    .await;
    // Behind the back of the cache, which shows that it is in use.
    app.database.execute("UPDATE products SET name = 'Jug'").await;
    testkit::eventually(SOON, async || (name(&app, id).await == "Mug").then_some(())).await;

    app.database.execute(OBSTACLE).await;
    proxy.set(testkit::Mode::Cut);
    let changed = cut_off.patch(id, &[], serde_json::json!({"name": "Cup"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    testkit::eventually(SOON, async || (name(&app, id).await == "Cup").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_an_answer_to_a_write_has_shown_is_not_followed_by_an_older_one() {
    let app = TestApp::start().await;
    let ways = [
        "a patch that changes nothing",
        "a patch of an old version",
        "a delete of an old version",
    ];
    let mut cached = Vec::new();
    for way in ways {
        let created = app.create("Mug", 0).await;
        cached.push((way, created.id().to_owned(), created.header("etag").to_owned()));
    }
    testkit::eventually(SOON, async || {
        for (_, id, _) in &cached {
            assert_eq!(name(&app, id).await, "Mug");
        }
        let entries = app.redis.entries().unwrap();
        let products = entries.iter().filter(|(key, _)| key.contains(":product:"));
        (products.count() == ways.len()).then_some(())
    })
    .await;
    app.database.execute(OBSTACLE).await;
    for (way, id, etag) in &cached {
        rename_and_die(&app, id, "Cup").await;
        let old = [("if-match", etag.as_str())];
        let (answered, status) = match *way {
            "a patch that changes nothing" => {
                (app.patch(id, &[], serde_json::json!({"name": "Cup"})).await, 200)
            }
            "a patch of an old version" => {
                (app.patch(id, &old, serde_json::json!({"name": "Jug"})).await, 412)
            }
            _ => (app.delete(id, &old).await, 412),
        };
        assert_eq!(answered.status, status, "{way}: {}", answered.text);
        assert_eq!(name(&app, id).await, "Cup", "after {way}");
    }
}
