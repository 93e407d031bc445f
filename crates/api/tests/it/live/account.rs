//! The stream of all products of an account.

use std::collections::BTreeSet;

use domain::{AccountId, Scope};
use reqwest::Method;
use serde_json::json;
use storage_postgres::{Cause, Database, StoredAnswer, cache_doubt_announce, product_create};
use testkit::Mode;

use super::{Block, Event, Events, outages, rename};
use crate::{access::Guarded, app::TestApp, invalidation::nothing_waits, results::Worker};

const EVENTS: &str = "/api/v1/events";

/// Opens the stream, from an event that is known.
async fn open(app: &TestApp, last_event_id: Option<&str>) -> Events {
    let headers: Vec<_> = last_event_id
        .map(|id| ("last-event-id", id))
        .into_iter()
        .collect();
    Events::open(app, EVENTS, &headers).await
}

/// Opens the stream, and where it begins.
async fn open_at(app: &TestApp, last_event_id: Option<&str>) -> (Events, String) {
    let mut events = open(app, last_event_id).await;
    loop {
        if let Some(Block::Settings(fields)) = events.block().await
            && fields[0].0 == "id"
        {
            return (events, fields[0].1.clone());
        }
    }
}

/// What was told: event, product and version.
type Told = (String, String, i64);

fn told(event: &Event) -> Told {
    let product = event.data.get("product_id").unwrap_or(&event.data["id"]);
    (
        event.name.clone(),
        product.as_str().unwrap().to_owned(),
        event.data["version"].as_i64().unwrap(),
    )
}

fn of(name: &str, product: &str, version: i64) -> Told {
    (name.to_owned(), product.to_owned(), version)
}

/// Everything until a product that is created now, each once.
async fn until_now(app: &TestApp, events: &mut Events) -> BTreeSet<Told> {
    let marker = app.create("Marker", 0).await;
    let mut all = BTreeSet::new();
    loop {
        let event = told(&events.next().await.unwrap());
        if event.1 == marker.id() {
            return all;
        }
        assert!(all.insert(event.clone()), "{event:?} is told twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_happens_in_an_account_is_told_once_by_every_api() {
    let app = TestApp::start().await;
    let beside = app.start_beside(&[]).await;
    let mut streams = [open(&app, None).await, open(&beside, None).await];
    let created = app.create("Mug", 1).await;
    let id = created.id();
    for stream in &mut streams {
        let event = stream.expect("product.created", 1).await;
        assert_eq!(event.data, json!({"id": id, "version": 1}));
        assert!(event.id.is_some());
    }
    rename(&beside, id, "Cup").await;
    Worker::new(&app, &created, 0).processed().await;
    for stream in &mut streams {
        let events = [stream.next().await.unwrap(), stream.next().await.unwrap()];
        let names: BTreeSet<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["product.updated", "image.ready"]));
    }
    nothing_waits(&app).await;
    assert_eq!(app.delete(id, &[]).await.status, 204);
    for stream in &mut streams {
        stream.expect("product.deleted", 4).await;
    }
    nothing_waits(&app).await;
    let marker = app.create("Marker", 0).await;
    for stream in &mut streams {
        let event = stream.expect("product.created", 1).await;
        assert_eq!(event.data["id"], marker.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_hear_nothing_of_each_other() {
    let guarded = Guarded::start().await;
    let shop = guarded.key("shop", Scope::Admin).await.bearer();
    let other = guarded.key("other", Scope::Admin).await.bearer();
    let reader = guarded.key("other", Scope::Read).await.bearer();
    let mut events = Events::open(&guarded.app, EVENTS, &[("authorization", &reader)]).await;
    let create = async |key: &str| {
        let body = r#"{"name": "Mug", "price": {"amount": "5.00"}}"#;
        let created = guarded.send(Method::POST, "/api/v1/products", key, body).await;
        created.id().to_owned()
    };
    create(&shop).await;
    let mine = create(&other).await;
    let event = events.expect("product.created", 1).await;
    assert_eq!(event.data["id"], mine);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_told_what_was_created_changed_and_deleted_meanwhile() {
    let app = TestApp::start().await;
    let (events, beginning) = open_at(&app, None).await;
    let [mug, jug] = [app.create("Mug", 0).await, app.create("Jug", 0).await];
    drop(events);
    let mut events = open(&app, Some(&beginning)).await;
    let first = [events.next().await.unwrap(), events.next().await.unwrap()];
    assert_eq!(
        first.iter().map(told).collect::<BTreeSet<_>>(),
        BTreeSet::from([
            of("product.created", mug.id(), 1),
            of("product.created", jug.id(), 1)
        ])
    );
    let last = first[1].id.clone().unwrap();
    drop(events);

    let cup = app.create("Cup", 0).await;
    rename(&app, cup.id(), "Pot").await;
    rename(&app, mug.id(), "Pan").await;
    assert_eq!(app.delete(jug.id(), &[]).await.status, 204);
    nothing_waits(&app).await;
    let mut events = open(&app, Some(&last)).await;
    let missed = until_now(&app, &mut events).await;
    assert_eq!(
        missed,
        BTreeSet::from([
            of("product.created", cup.id(), 2),
            of("product.updated", mug.id(), 2),
            of("product.deleted", jug.id(), 2),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_was_missed_is_told_whole() {
    let app = TestApp::start().await;
    let (events, beginning) = open_at(&app, None).await;
    drop(events);
    // All of one moment, and more than are read together.
    let account = AccountId::DEFAULT;
    app.database
        .execute(&format!(
            "INSERT INTO products (id, account_id, name, price_amount, price_currency, status, images_status) \
             SELECT gen_random_uuid(), '{account}', 'Mug', 5, 'EUR', 'active', 'none' FROM generate_series(1, 450); \
             INSERT INTO product_deletions (account_id, product_id, version) \
             SELECT '{account}', gen_random_uuid(), 2 FROM generate_series(1, 450)"
        ))
        .await;
    let mut events = open(&app, Some(&beginning)).await;
    let missed = until_now(&app, &mut events).await;
    let count = |name: &str| missed.iter().filter(|event| event.0 == name).count();
    assert_eq!((count("product.created"), count("product.deleted")), (450, 450));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_nobody_told_is_found_in_the_rows() {
    let app = TestApp::start().await;
    let (mut events, _) = open_at(&app, None).await;
    let database = Database::new(&app.database.config()).unwrap();
    let id = domain::ProductId::generate();
    let product = domain::NewProduct {
        id,
        account_id: AccountId::DEFAULT,
        draft: product_draft(),
        images: Vec::new(),
    };
    let no_answer = |_: &domain::Product| -> StoredAnswer { panic!("nobody asks for an answer") };
    product_create(&database, &product, &Cause::default(), None, no_answer)
        .await
        .unwrap();
    cache_doubt_announce(&database).await.unwrap();
    let event = events.expect("product.created", 1).await;
    assert_eq!(event.data["id"], json!(id));
}

fn product_draft() -> domain::ProductDraft {
    domain::ProductDraft {
        name: "Mug".to_owned(),
        sku: None,
        description: None,
        price: domain::Money::parse("5.00", domain::Currency::parse("EUR").unwrap()).unwrap(),
        status: domain::ProductStatus::Active,
        metadata: domain::Metadata::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_redis_is_away_and_when_it_is_back() {
    let (proxy, app) = outages::start().await;
    let created = app.create("Mug", 1).await;
    let (mut events, _) = open_at(&app, None).await;
    proxy.set(Mode::Cut);
    let jug = app.create("Jug", 0).await;
    rename(&app, created.id(), "Cup").await;
    Worker::new(&app, &created, 0).processed().await;
    let mut left = BTreeSet::from([
        of("product.created", jug.id(), 1),
        of("product.updated", created.id(), 3),
    ]);
    while !left.is_empty() {
        left.remove(&told(&events.next().await.unwrap()));
    }
    assert_eq!(app.delete(jug.id(), &[]).await.status, 204);
    proxy.set(Mode::Pass);
    rename(&app, created.id(), "Pot").await;
    let mut left = BTreeSet::from([
        of("product.deleted", jug.id(), 2),
        of("product.updated", created.id(), 4),
    ]);
    while !left.is_empty() {
        left.remove(&told(&events.next().await.unwrap()));
    }
    until_now(&app, &mut events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_before_a_stream_and_is_committed_after_is_told_even_if_nobody_says_so() {
    let (proxy, app) = outages::start().await;
    let [mug, jug] = [app.create("Mug", 0).await, app.create("Jug", 0).await];
    proxy.set(Mode::Cut);
    let change = format!(
        "UPDATE products SET version = version + 1, updated_at = now() WHERE id = '{}'",
        mug.id()
    );
    let begun = app.database.hold(&change).await;
    let (mut events, _) = open_at(&app, None).await;
    begun.commit().await;
    // The other one was there before as well, and is nobody's news.
    let event = events.expect("product.updated", 2).await;
    assert_eq!(event.data["id"], mug.id());
    rename(&app, jug.id(), "Pot").await;
    assert_eq!(
        told(&events.next().await.unwrap()),
        of("product.updated", jug.id(), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_cannot_be_is_refused_and_one_that_is_to_come_is_now() {
    let app = TestApp::start().await;
    for wrong in ["yesterday", "-5", "9223372036854775807"] {
        let headers = [("last-event-id", wrong)];
        let answer = app.send(Method::GET, EVENTS, &headers, Vec::new()).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("invalid_header")),
            "{wrong}"
        );
    }
    let mut events = open(&app, Some("7000000000000000")).await;
    let created = app.create("Mug", 0).await;
    let event = events.expect("product.created", 1).await;
    assert_eq!(event.data["id"], created.id());
}
