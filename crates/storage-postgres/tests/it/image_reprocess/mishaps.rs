//! What is lost, deleted or given up while a picture is made again.

use super::*;

#[tokio::test]
async fn a_lost_reprocess_is_asked_for_again() {
    let room = Room::open().await;
    let product = asked(&room).await;
    let first = drain(&room).await;
    let stuck = async || {
        let stuck = images_reprocess_stuck_ask(&room.database, SILENCE, 100).await;
        stuck.unwrap()
    };
    let age = async |seconds: u64| {
        room.execute(&format!(
            "UPDATE images SET reprocess_silent_since = now() - interval '{seconds} s'"
        ))
        .await;
    };
    assert_eq!(stuck().await.asked, 0);
    for asks in 0..storage_postgres::ASKS_MAX {
        age((SILENCE.as_secs() << asks) - 60).await;
        assert_eq!(stuck().await.asked, 0);
        age((SILENCE.as_secs() << asks) + 1).await;
        assert_eq!(stuck().await.asked, 1);
        assert_eq!(drain(&room).await, first);
    }
    age((SILENCE.as_secs() << storage_postgres::ASKS_MAX) + 1).await;
    let silent = stuck().await.silent;
    assert_eq!(
        silent
            .iter()
            .map(|silent| (silent.image_id, silent.generation))
            .collect::<Vec<_>>(),
        [(product.images[0].id, 2)]
    );
    assert!(drain(&room).await.is_empty());
    // What is shown was never unfinished.
    room.execute("UPDATE images SET created_at = created_at - interval '9 days', updated_at = now() - interval '8 days', \
                  asked_at = now() - interval '8 days'")
        .await;
    let ordinary = images_stuck_ask(&room.database, SILENCE, 100).await.unwrap();
    assert_eq!((ordinary.asked, ordinary.silent.len()), (0, 0));
}

#[tokio::test]
async fn the_sweep_spares_what_is_shown_and_what_is_coming() {
    let room = Room::open().await;
    let product = asked(&room).await;
    drain(&room).await;
    let image_id = product.images[0].id;
    let stored = |generation| StoredGeneration {
        image_id,
        generation,
        original_key: None,
    };
    let all = [stored(1), stored(2), original(image_id, 2)];
    let sweep = async || orphans_purge(&room.database, &all).await.unwrap();
    assert_eq!(sweep().await, Swept::Purged(Vec::new()));

    let orphan = |generation, reason| {
        Swept::Purged(vec![Orphan {
            image_id,
            objects: OrphanObjects::Variants(generation),
            reason,
        }])
    };
    apply(&room, &not_remade(&product, 2)).await;
    let all = [stored(1), stored(2)];
    let swept = orphans_purge(&room.database, &all).await.unwrap();
    assert_eq!(swept, orphan(2, OrphanReason::Failed));
    let run = begin(&room).await;
    ask(&room, &[image_id], run).await;
    apply(&room, &remade(&product, 3)).await;
    room.execute("UPDATE images SET made_at = made_at - interval '1 hour'")
        .await;
    let all = [stored(1), stored(3)];
    let swept = orphans_purge(&room.database, &all).await.unwrap();
    assert_eq!(swept, orphan(1, OrphanReason::Superseded));
}

#[tokio::test]
async fn of_originals_the_sweep_spares_those_that_a_picture_is_made_from_and_no_others() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    let [fetched, uploaded] = [product.images[0].id, product.images[1].id];
    let keys = |id| (1..=4).map(move |generation| original(id, generation));
    let all: Vec<_> = keys(fetched).chain(keys(uploaded)).collect();
    room.execute(&format!(
        "UPDATE images SET generation = 3, original_key = 'originals/{fetched}/2' WHERE id = '{fetched}'; \
         UPDATE images SET generation = 3, source_url = NULL, source_key = 'originals/{uploaded}/1' WHERE id = '{uploaded}'"
    ))
    .await;
    let sweep = async || match orphans_purge(&room.database, &all).await.unwrap() {
        Swept::Purged(mut orphans) => {
            orphans.sort_by_key(|orphan| (orphan.image_id != fetched, orphan.objects));
            orphans
        }
        implausible @ Swept::Implausible { .. } => panic!("{implausible:?}"),
    };
    let orphan = |image_id, generation, reason| Orphan {
        image_id,
        objects: OrphanObjects::Original(generation),
        reason,
    };
    // Generation 4 is one that was never asked for.
    let expected = [
        orphan(fetched, 1, OrphanReason::Superseded),
        orphan(fetched, 3, OrphanReason::Failed),
        orphan(uploaded, 2, OrphanReason::Superseded),
        orphan(uploaded, 3, OrphanReason::Failed),
    ];
    assert_eq!(sweep().await, expected);
    let jobs = drain(&room).await;
    let purges = expected.map(|orphan| orphan.image_id);
    for (work, job) in &jobs {
        assert!(
            matches!(job, Job::PurgeOriginal(purge) if purges.contains(&purge.image_id)),
            "{job:?}"
        );
        assert_eq!(*work, Work::Backfill);
    }
    assert_eq!(jobs.len(), 4);
    // One that is under way may have stored its file already, and one that has failed needs none.
    ask(&room, &[fetched], begin(&room).await).await;
    assert_eq!(sweep().await, expected);
    apply(&room, &not_remade(&product, 4)).await;
    let failed = orphan(fetched, 4, OrphanReason::Failed);
    assert!(sweep().await.contains(&failed));
}

fn original(image_id: ImageId, generation: i32) -> StoredGeneration {
    StoredGeneration {
        image_id,
        generation,
        original_key: Some(format!("originals/{image_id}/{generation}")),
    }
}

#[tokio::test]
async fn a_product_that_is_deleted_meanwhile_leaves_nothing_behind() {
    let room = Room::open().await;
    let product = asked(&room).await;
    drain(&room).await;
    product_delete(&room.database, product.account_id, product.id, None, &cause())
        .await
        .unwrap();
    let everything = Job::Purge(ImagePurgeV1 {
        image_id: product.images[0].id,
        generation: None,
    });
    assert_eq!(drain(&room).await, [(Work::Jobs, everything.clone())]);
    assert_eq!(apply(&room, &remade(&product, 2)).await, Applied::Gone);
    assert_eq!(drain(&room).await, [(Work::Jobs, everything)]);
}

#[tokio::test]
async fn a_reprocess_that_was_given_up_can_be_replayed_and_one_that_succeeded_cannot() {
    let room = Room::open().await;
    let product = asked(&room).await;
    let id = product.images[0].id;
    drain(&room).await;
    apply(&room, &not_remade(&product, 2)).await;
    drain(&room).await;
    let restart = async |generation| {
        image_restart(&room.database, id, generation, &cause())
            .await
            .unwrap()
    };
    assert_eq!(restart(1).await, Restarted::Superseded);
    assert!(
        matches!(restart(2).await, Restarted::Asked { generation: 3, version, .. } if version == product.version)
    );
    assert_eq!(room.get(&product).await.as_ref(), Some(&product));
    let jobs = drain(&room).await;
    assert!(
        matches!(&jobs[..], [(Work::Backfill, Job::Process(job)), other] if job.generation == 3 && *other == purge(&product, 2)),
        "{jobs:?}"
    );
    apply(&room, &remade(&product, 3)).await;
    for generation in [1, 2, 3] {
        assert_eq!(restart(generation).await, Restarted::Superseded);
    }
}
