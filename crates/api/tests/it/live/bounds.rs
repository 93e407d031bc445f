//! How many streams there may be, how long they are silent, and how they end.

use domain::{AccountId, Change, ChangeEvent};
use storage_redis::LiveChannel;
use testkit::eventually;

use super::{Block, Events, SOON, path, rename};
use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_gives_a_sign_of_life() {
    let app = TestApp::start_with(&[("PMS__SERVER__STREAM_HEARTBEAT", "1s")]).await;
    let created = app.create("Mug", 0).await;
    let mut events = Events::of(&app, created.id(), None).await;
    events.expect("product.updated", 1).await;
    for _ in 0..2 {
        assert!(matches!(events.block().await, Some(Block::Comment)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_a_bound_of_their_own_and_take_no_place_from_requests() {
    let bounds = [
        ("PMS__SERVER__MAX_STREAMS", "2"),
        ("PMS__SERVER__MAX_IN_FLIGHT", "1"),
        ("PMS__SERVER__REQUEST_TIMEOUT", "2s"),
        ("PMS__SERVER__STREAM_HEARTBEAT", "1s"),
    ];
    let app = TestApp::start_with(&bounds).await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    let mut first = Events::of(&app, id, None).await;
    let second = Events::of(&app, id, None).await;
    first.expect("product.updated", 1).await;
    let refused = app.get(&path(id)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    // Three signs of life later, the time for a request is over.
    for _ in 0..3 {
        assert!(matches!(first.block().await, Some(Block::Comment)));
    }
    rename(&app, id, "Cup").await;
    first.expect("product.updated", 2).await;
    drop(second);
    eventually(SOON, async || {
        let third = app.open(&path(id), &[]).await;
        (third.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_streams_end_at_once_and_as_they_should() {
    let mut app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let mut events = Events::of(&app, created.id(), None).await;
    events.expect("product.updated", 1).await;
    let ended = tokio::spawn(async move { events.next().await });
    app.stop().await;
    // One that is cut off would be an error.
    assert!(ended.await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_is_too_slow_is_sent_away_and_catches_up_when_he_comes_back() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 0).await;
    let id = created.id();
    let mut slow = Events::of(&app, id, None).await;
    slow.expect("product.updated", 1).await;
    // Nobody reads while so much is told that neither the stream nor what lies between can hold it.
    let channel = LiveChannel::new(&app.redis.config()).unwrap();
    let change = |version| {
        Change::of_product(
            ChangeEvent::ProductUpdated,
            AccountId::DEFAULT,
            id.parse().unwrap(),
            version,
        )
    };
    for begin in 0..20 {
        let changes: Vec<_> = (0..1_000)
            .map(|index| change(2 + begin * 1_000 + index))
            .collect();
        eventually(SOON, async || channel.publish(&changes).await.then_some(())).await;
    }
    assert!(slow.end().await < 20_000);
    let mut back = Events::of(&app, id, Some("5")).await;
    back.expect("product.updated", 1).await;
}
