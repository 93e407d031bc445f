use std::time::{Duration, SystemTime};

use domain::{ImageId, ImageStatus};
use futures_util::future::join_all;
use messages::{Job, Message as _};
use storage_postgres::{
    ASKS_MAX, Orphan, OrphanObjects, OrphanReason, OutboxPart, ReconcilerLock, SilentImage, StoredGeneration,
    StuckImages, Swept, UPLOAD_GRACE, image_result_apply, images_stuck_ask, jobs_held_up, orphans_purge,
    outbox_drain,
};
use testkit::eventually;
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{Room, cause, draft, failed, processed, product_of, started};

const SOON: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(600);

async fn ask(room: &Room) -> StuckImages {
    images_stuck_ask(&room.database, SILENCE, 100).await.unwrap()
}

fn asked(asked: usize) -> StuckImages {
    StuckImages {
        asked,
        silent: Vec::new(),
    }
}

async fn age(room: &Room, seconds: u64) {
    room.execute(&format!(
        "UPDATE images SET created_at = created_at - interval '1 day', updated_at = now() - interval '{seconds} s', \
         asked_at = now() - interval '{seconds} s'"
    ))
    .await;
}

async fn drain_jobs(room: &Room) -> Vec<Job> {
    let mut jobs = Vec::new();
    let drain = outbox_drain(&room.database, OutboxPart::Ordinary, 1_000, |rows| {
        let count = rows.len();
        let read = |row: &storage_postgres::OutboxRow| Job::decode(&row.type_name, &row.body).unwrap();
        jobs = rows.iter().map(read).collect();
        async move { vec![true; count] }
    });
    drain.await.unwrap();
    jobs
}

#[tokio::test]
async fn images_without_an_answer_are_asked_for_again_as_they_were() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 4)).await;
    let first = drain_jobs(&room).await;
    for result in [
        started(&created, 1, 1),
        processed(&created, 2),
        failed(&created, 3),
    ] {
        image_result_apply(&room.database, &result, &cause())
            .await
            .unwrap();
    }
    let before = room.get(&created).await;
    assert_eq!(ask(&room).await, asked(0));
    assert_eq!(room.get(&created).await, before);

    age(&room, 601).await;
    let before = room.get(&created).await;
    assert_eq!(ask(&room).await, asked(2));
    assert_eq!(drain_jobs(&room).await, first[..2]);
    // Asking is not shown, so nothing that callers see has changed.
    assert_eq!(room.get(&created).await, before);
    assert_eq!(ask(&room).await, asked(0));
}

#[tokio::test]
async fn each_asking_waits_twice_as_long_and_after_the_last_the_image_is_named() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    for asks in 0..ASKS_MAX {
        let wait = SILENCE.as_secs() << asks;
        age(&room, wait - 60).await;
        assert_eq!(ask(&room).await, asked(0), "{asks}");
        age(&room, wait + 1).await;
        assert_eq!(ask(&room).await, asked(1), "{asks}");
    }
    drain_jobs(&room).await;
    age(&room, (SILENCE.as_secs() << ASKS_MAX) + 1).await;
    let silent = SilentImage {
        product_id: created.id,
        image_id: created.images[0].id,
        generation: 1,
        attempts: 0,
        asks: 6,
    };
    let outcome = StuckImages {
        asked: 0,
        silent: vec![silent],
    };
    assert_eq!(ask(&room).await, outcome);
    assert!(drain_jobs(&room).await.is_empty());
}

#[tokio::test]
async fn reconcilers_at_once_ask_for_each_image_once_and_for_no_more_than_the_limit() {
    let room = Room::open().await;
    for _ in 0..3 {
        room.create(&product_of(draft("Mug"), 20)).await;
    }
    drain_jobs(&room).await;
    age(&room, 601).await;
    let looks = join_all((0..4).map(|_| images_stuck_ask(&room.database, SILENCE, 10))).await;
    let counts: Vec<usize> = looks.into_iter().map(|look| look.unwrap().asked).collect();
    assert!(counts.iter().all(|count| *count <= 10), "{counts:?}");
    let rest = ask(&room).await.asked;
    assert_eq!(counts.iter().sum::<usize>() + rest, 60);
    let mut images: Vec<ImageId> = drain_jobs(&room).await.iter().map(Job::image_id).collect();
    images.sort();
    images.dedup();
    assert_eq!(images.len(), 60);
}

#[tokio::test]
async fn one_reconciler_at_a_time_has_the_lock() {
    let room = Room::open().await;
    let config = room.config();
    let take = async |limit| ReconcilerLock::take(&config, limit).await.unwrap();
    let first = take(SOON).await;
    assert!(first.is_some());
    assert!(take(SOON).await.is_none());
    drop(first);
    let limited = eventually(SOON, || take(Duration::from_millis(100))).await;
    // Its holder does nothing, as if it were frozen, and the server ends it.
    eventually(SOON, || take(SOON)).await;
    drop(limited);
}

#[tokio::test]
async fn jobs_that_wait_to_be_published_are_seen() {
    let room = Room::open().await;
    let held_up = async || jobs_held_up(&room.database, SILENCE).await.unwrap();
    assert!(!held_up().await);
    room.create(&product_of(draft("Mug"), 1)).await;
    assert!(!held_up().await);
    room.execute("UPDATE outbox SET created_at = created_at - interval '11 minutes'")
        .await;
    assert!(held_up().await);
    room.execute("UPDATE outbox SET work = 'cache'").await;
    assert!(!held_up().await);
}

#[tokio::test]
async fn only_objects_that_no_image_needs_are_purged_each_image_or_generation_by_one_job() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 5)).await;
    for result in [processed(&created, 1), failed(&created, 2)] {
        image_result_apply(&room.database, &result, &cause())
            .await
            .unwrap();
    }
    room.execute(&format!(
        "DELETE FROM images WHERE id = '{}'; UPDATE images SET generation = 3 WHERE id = '{}'; DELETE FROM outbox",
        created.images[3].id, created.images[4].id
    ))
    .await;
    let stored = |image: usize, generation| StoredGeneration {
        image_id: created.images[image].id,
        generation,
        original_key: None,
    };
    let all: Vec<_> = (0..5)
        .map(|image| stored(image, 1))
        .chain([stored(4, 2), stored(4, 3), stored(4, 2)])
        .collect();
    let mut orphans = purge(&room, &all).await;
    orphans.sort_by_key(|orphan| (orphan.reason, orphan.objects));
    let orphan = |image: usize, objects, reason| Orphan {
        image_id: created.images[image].id,
        objects,
        reason,
    };
    let expected = [
        orphan(3, OrphanObjects::Everything, OrphanReason::Gone),
        orphan(4, OrphanObjects::Variants(1), OrphanReason::Superseded),
        orphan(4, OrphanObjects::Variants(2), OrphanReason::Superseded),
        orphan(2, OrphanObjects::Variants(1), OrphanReason::Failed),
    ];
    assert_eq!(orphans, expected);
    let mut purges: Vec<_> = drain_jobs(&room)
        .await
        .into_iter()
        .map(|job| match job {
            Job::Purge(purge) => (purge.image_id, purge.generation),
            other => panic!("{other:?}"),
        })
        .collect();
    let mut expected = expected.map(|orphan| match orphan.objects {
        OrphanObjects::Variants(generation) => (orphan.image_id, Some(generation)),
        OrphanObjects::Everything | OrphanObjects::Original(_) => (orphan.image_id, None),
    });
    purges.sort();
    expected.sort();
    assert_eq!(purges, expected);
    let standing = room.get(&created).await.unwrap();
    assert_eq!(standing.images[0].status, ImageStatus::Pending);
    assert_eq!(purge(&room, &[]).await, []);
}

#[tokio::test]
async fn the_objects_of_another_database_are_not_purged() {
    let room = Room::open().await;
    let foreign = |count: usize| -> Vec<_> {
        (0..count)
            .map(|_| StoredGeneration {
                image_id: ImageId::generate(),
                generation: 1,
                original_key: None,
            })
            .collect()
    };
    let swept = orphans_purge(&room.database, &foreign(11)).await.unwrap();
    assert_eq!(swept, Swept::Implausible { gone: 11, of: 11 });
    assert!(drain_jobs(&room).await.is_empty());
    assert_eq!(purge(&room, &foreign(10)).await.len(), 10);
}

async fn purge(room: &Room, stored: &[StoredGeneration]) -> Vec<Orphan> {
    match orphans_purge(&room.database, stored).await.unwrap() {
        Swept::Purged(orphans) => orphans,
        implausible @ Swept::Implausible { .. } => panic!("{implausible:?}"),
    }
}

/// The id of a picture that was named so many seconds ago.
fn named(seconds_ago: u64) -> ImageId {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let then = Timestamp::from_unix(NoContext, now.as_secs() - seconds_ago, 0);
    Uuid::new_v7(then).into()
}

#[tokio::test]
async fn a_file_whose_picture_may_still_be_committed_is_spared_for_a_while() {
    let room = Room::open().await;
    let file = |image_id: ImageId| StoredGeneration {
        image_id,
        generation: 1,
        original_key: Some(format!("originals/{image_id}/1")),
    };
    let grace = UPLOAD_GRACE.as_secs();
    let (under_way, lost) = (named(grace - 60), named(grace + 60));
    let orphans = purge(&room, &[file(under_way), file(lost)]).await;
    let orphan = Orphan {
        image_id: lost,
        objects: OrphanObjects::Everything,
        reason: OrphanReason::Gone,
    };
    assert_eq!(orphans, [orphan]);
}
