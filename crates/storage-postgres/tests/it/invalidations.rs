use domain::{Change, ChangeEvent};
use storage_postgres::{
    Deleted, Drained, OutboxPart, image_result_apply, invalidations_drain, invalidations_newest,
    invalidations_pending, outbox_drain, product_delete, product_update,
};

use crate::support::{Room, cause, draft, processed, product_of};

/// The changes that wait, which are carried out by this; but for their time.
pub(crate) async fn drain_invalidations(room: &Room) -> Vec<Change> {
    let mut seen = Vec::new();
    let drain = invalidations_drain(&room.database, 100, |rows| {
        seen.clone_from(&rows);
        async move { vec![true; rows.len()] }
    });
    drain.await.unwrap();
    for change in &mut seen {
        assert!(change.changed_at.take().is_some());
    }
    seen
}

#[tokio::test]
async fn every_change_of_a_product_tells_the_cache_and_those_who_watch_in_its_transaction() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    let (account_id, product_id) = (created.account_id, created.id);
    let told = |event, version| Change::of_product(event, account_id, product_id, version);
    // Nobody has seen a new product, and one that was not changed is as it was.
    assert_eq!(drain_invalidations(&room).await, []);
    let rename = async |name: &str| {
        product_update(&room.database, account_id, product_id, None, |_| {
            Ok::<_, ()>(draft(name))
        })
        .await
        .unwrap();
    };
    rename("Mug").await;
    assert_eq!(drain_invalidations(&room).await, []);

    rename("Cup").await;
    assert_eq!(
        drain_invalidations(&room).await,
        [told(ChangeEvent::ProductUpdated, 2)]
    );
    image_result_apply(&room.database, &processed(&created, 0), &cause())
        .await
        .unwrap();
    assert_eq!(
        drain_invalidations(&room).await,
        [told(ChangeEvent::ImageReady, 3).about(created.images[0].id)]
    );
    image_result_apply(&room.database, &processed(&created, 0), &cause())
        .await
        .unwrap();
    assert_eq!(drain_invalidations(&room).await, []);
    let deleted = product_delete(&room.database, account_id, product_id, None, &cause()).await;
    assert_eq!(deleted.unwrap(), Deleted::Done { version: 3 });
    assert_eq!(
        drain_invalidations(&room).await,
        [told(ChangeEvent::ProductDeleted, 4)]
    );
}

#[tokio::test]
async fn an_invalidation_stays_until_it_is_carried_out() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 0)).await;
    for name in ["Cup", "Jar"] {
        product_update(&room.database, created.account_id, created.id, None, |_| {
            Ok::<_, ()>(draft(name))
        })
        .await
        .unwrap();
    }
    let drain = async |answers: Vec<bool>| {
        invalidations_drain(&room.database, 10, |_| async { answers })
            .await
            .unwrap()
    };
    let drained = |claimed, published| Drained { claimed, published };
    assert_eq!(drain(vec![]).await, drained(2, 0));
    assert_eq!(drain(vec![false, true]).await, drained(2, 1));
    let newest = invalidations_newest(&room.database).await.unwrap().unwrap();
    assert!(invalidations_pending(&room.database, newest).await.unwrap());
    assert!(!invalidations_pending(&room.database, newest - 1).await.unwrap());
    let versions: Vec<i64> = drain_invalidations(&room)
        .await
        .iter()
        .map(|change| change.version)
        .collect();
    assert_eq!(versions, [2]);
    assert!(!invalidations_pending(&room.database, newest).await.unwrap());
    assert_eq!(invalidations_newest(&room.database).await.unwrap(), None);
}

#[tokio::test]
async fn an_invalidation_that_another_drain_holds_still_counts_as_pending() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 0)).await;
    product_update(&room.database, created.account_id, created.id, None, |_| {
        Ok::<_, ()>(draft("Cup"))
    })
    .await
    .unwrap();
    let newest = invalidations_newest(&room.database).await.unwrap().unwrap();
    let other = &room;
    let held = invalidations_drain(&room.database, 10, |rows| async move {
        assert!(invalidations_pending(&other.database, newest).await.unwrap());
        assert_eq!(drain_invalidations(other).await, []);
        vec![true; rows.len()]
    });
    assert_eq!(Box::pin(held).await.unwrap().published, 1);
    assert!(!invalidations_pending(&room.database, newest).await.unwrap());
}

#[tokio::test]
async fn neither_drain_is_held_up_by_rows_of_another_kind() {
    let room = Room::open().await;
    room.execute(
        "INSERT INTO outbox (work, type_name, message_id, correlation_id, body) \
         VALUES ('of a later release', 'any.v1', gen_random_uuid(), gen_random_uuid(), '{}')",
    )
    .await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    product_update(&room.database, created.account_id, created.id, None, |_| {
        Ok::<_, ()>(draft("Cup"))
    })
    .await
    .unwrap();
    let published = outbox_drain(&room.database, OutboxPart::Ordinary, 1, |rows| async move {
        vec![true; rows.len()]
    });
    assert_eq!(published.await.unwrap().published, 1);
    assert_eq!(drain_invalidations(&room).await.len(), 1);
    assert_eq!(room.count("outbox").await, 1);
}

#[tokio::test]
async fn a_row_of_the_release_before_and_one_of_a_later_release_are_carried_out() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 0)).await;
    for body in [
        r#"{"version":7}"#,
        r#"{"version":8,"event":"product.admired","image_id":5}"#,
    ] {
        let (account, product) = (created.account_id, created.id);
        room.execute(&format!(
            "INSERT INTO outbox (work, type_name, message_id, account_id, correlation_id, body) \
             VALUES ('cache', 'product.changed.v1', gen_random_uuid(), '{account}', '{product}', '{body}')",
        ))
        .await;
    }
    let told = [7, 8].map(|version| {
        let event = ChangeEvent::ProductUpdated;
        Change::of_product(event, created.account_id, created.id, version)
    });
    assert_eq!(drain_invalidations(&room).await, told);
}
