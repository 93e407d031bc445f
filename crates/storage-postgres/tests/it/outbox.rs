use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use storage_postgres::{
    Drained, Heard, Listener, OutboxPart, OutboxStats, Updated, cache_doubt_announce, outbox_drain,
    outbox_stats, product_update,
};
use testkit::eventually;

use crate::support::{Room, draft, product_of};

const SOON: Duration = Duration::from_secs(20);

fn drained(claimed: usize, published: usize) -> Drained {
    Drained { claimed, published }
}

#[tokio::test]
async fn rows_that_were_not_confirmed_stay_and_come_again_in_their_order() {
    let room = Room::open().await;
    room.create(&product_of(draft("Mug"), 5)).await;
    let mut first = Vec::new();
    let failed = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |rows| {
        first = rows;
        async { vec![false; 5] }
    });
    assert_eq!(failed.await.unwrap(), drained(5, 0));
    assert!(first.is_sorted_by_key(|row| row.id));

    let some = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |rows| {
        assert_eq!(rows, first);
        async { vec![true, false, true] }
    });
    assert_eq!(some.await.unwrap(), drained(5, 2));

    let mut rest = Vec::new();
    let all = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |rows| {
        rest = rows;
        async { vec![true; 3] }
    });
    assert_eq!(all.await.unwrap(), drained(3, 3));
    assert_eq!(rest, [first[1].clone(), first[3].clone(), first[4].clone()]);
    let empty = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |_| async {
        panic!("there is nothing to publish")
    });
    assert_eq!(empty.await.unwrap(), drained(0, 0));
}

#[tokio::test]
async fn drains_at_once_hand_out_each_row_once() {
    let room = Room::open().await;
    for _ in 0..10 {
        room.create(&product_of(draft("Mug"), 10)).await;
    }
    let seen: Arc<Mutex<HashMap<i64, u32>>> = Arc::default();
    let drains = (0..6).map(|_| {
        let (database, seen) = (room.database.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let seen = Arc::clone(&seen);
                let drained = outbox_drain(&database, OutboxPart::Ordinary, 7, |rows| async move {
                    // Others get their turn while these rows are held.
                    tokio::task::yield_now().await;
                    let mut seen = seen.lock().unwrap();
                    for row in &rows {
                        *seen.entry(row.id).or_default() += 1;
                    }
                    vec![true; rows.len()]
                });
                if drained.await.unwrap().claimed == 0 {
                    break;
                }
            }
        })
    });
    for drain in join_all(drains).await {
        drain.unwrap();
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen.len(), 100);
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert_eq!(room.count("outbox").await, 0);
}

#[tokio::test]
async fn a_drain_that_is_dropped_half_way_frees_its_rows() {
    let room = Room::open().await;
    room.create(&product_of(draft("Mug"), 3)).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let database = room.database.clone();
    let hanging = tokio::spawn(async move {
        outbox_drain(&database, OutboxPart::Ordinary, 10, |_| async {
            sender.send(()).unwrap();
            std::future::pending().await
        })
        .await
    });
    receiver.await.unwrap();
    let other = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |_| async {
        panic!("these rows are held")
    });
    assert_eq!(other.await.unwrap(), drained(0, 0));
    hanging.abort();
    let freed = eventually(SOON, || async {
        let drained = outbox_drain(&room.database, OutboxPart::Ordinary, 10, |rows| async move {
            vec![true; rows.len()]
        })
        .await
        .unwrap();
        (drained.claimed > 0).then_some(drained)
    });
    assert_eq!(freed.await, drained(3, 3));
}

#[tokio::test]
async fn a_row_that_cannot_be_seen_yet_is_not_lost() {
    use diesel_async::SimpleAsyncConnection as _;
    let room = Room::open().await;
    let mut slow = room.connection().await;
    slow.batch_execute(
        "BEGIN; INSERT INTO outbox (work, type_name, message_id, correlation_id, body) \
         VALUES ('jobs', 'image.purge.v1', gen_random_uuid(), gen_random_uuid(), '{}')",
    )
    .await
    .unwrap();
    room.create(&product_of(draft("Mug"), 1)).await;
    let drain = async || {
        outbox_drain(&room.database, OutboxPart::Ordinary, 10, |rows| async move {
            vec![true; rows.len()]
        })
        .await
        .unwrap()
    };
    assert_eq!(drain().await, drained(1, 1));
    slow.batch_execute("COMMIT").await.unwrap();
    assert_eq!(drain().await, drained(1, 1));
}

async fn hear(listener: &mut Listener) -> Heard {
    tokio::time::timeout(SOON, listener.wait())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn that_the_cache_missed_a_change_is_heard_by_every_listener() {
    let room = Room::open().await;
    let mut first = Listener::connect(&room.config()).await.unwrap();
    let mut second = Listener::connect(&room.config()).await.unwrap();
    cache_doubt_announce(&room.database).await.unwrap();
    for listener in [&mut first, &mut second] {
        let heard = hear(listener).await;
        assert_eq!((heard.cache_doubt, heard.outbox), (true, false));
    }
}

#[tokio::test]
async fn a_listener_is_woken_by_every_commit_and_by_nothing_else() {
    let room = Room::open().await;
    let mut listener = Listener::connect(&room.config()).await.unwrap();
    room.create(&product_of(draft("Mug"), 3)).await;
    let outbox = Heard {
        outbox: true,
        webhooks: false,
        cache_doubt: false,
    };
    assert_eq!(hear(&mut listener).await, outbox);

    // A change that writes no message wakes nobody, and an awakening that is not waited for is kept.
    let quiet = room.create(&product_of(draft("Mug"), 0)).await;
    let renamed = product_update(&room.database, quiet.account_id, quiet.id, None, |_| {
        Ok::<_, ()>(draft("Cup"))
    });
    assert!(matches!(renamed.await, Ok(Updated::Changed(_))));
    assert!(futures_util::FutureExt::now_or_never(listener.wait()).is_none());
    room.create(&product_of(draft("Mug"), 1)).await;
    assert_eq!(hear(&mut listener).await, outbox);

    room.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .await;
    let lost = tokio::time::timeout(SOON, listener.wait())
        .await
        .unwrap()
        .unwrap_err();
    assert!(lost.is_unavailable(), "{lost:?}");
}

#[tokio::test]
async fn the_stats_count_what_waits_and_since_when() {
    let room = Room::open().await;
    assert_eq!(
        outbox_stats(&room.database).await.unwrap(),
        OutboxStats::default()
    );
    room.create(&product_of(draft("Mug"), 3)).await;
    room.execute(
        "UPDATE outbox SET available_at = now() - interval '1 minute' WHERE id = (SELECT min(id) FROM outbox)",
    )
    .await;
    let stats = outbox_stats(&room.database).await.unwrap();
    assert_eq!(stats.depth, 3);
    let age = stats.oldest_age.unwrap();
    assert!(
        age >= Duration::from_secs(60) && age < Duration::from_secs(120),
        "{age:?}"
    );
}
