use domain::{AccountId, ChangeEvent};
use storage_postgres::{
    ChangePosition, account_changes, database_time, product_delete, product_deletions_purge, product_update,
};

use crate::support::{Room, cause, draft, product};

/// Everything that changed in an account after a position, read in pages.
async fn changes(
    room: &Room,
    account: AccountId,
    mut after: ChangePosition,
    page: u16,
) -> Vec<(ChangeEvent, i64)> {
    let mut all = Vec::new();
    loop {
        let found = account_changes(&room.database, &[(account, after)], page)
            .await
            .unwrap();
        let Some(last) = found.last() else {
            return all;
        };
        after = last.position;
        assert!(found.iter().all(|found| found.change.account_id == account));
        all.extend(
            found
                .iter()
                .map(|found| (found.change.event, found.change.version)),
        );
    }
}

#[tokio::test]
async fn what_changed_in_an_account_is_found_once_in_its_order_whatever_the_page() {
    let room = Room::open().await;
    let begun = ChangePosition::at(database_time(&room.database).await.unwrap());
    let mug = room.create(&product("Mug")).await;
    let cup = room.create(&product("Cup")).await;
    room.create(&product("Jug")).await;
    for name in ["Pot", "Pan"] {
        product_update(&room.database, mug.account_id, mug.id, None, |_| {
            Ok::<_, ()>(draft(name))
        })
        .await
        .unwrap();
    }
    product_delete(&room.database, cup.account_id, cup.id, None, &cause())
        .await
        .unwrap();
    let expected = [
        (ChangeEvent::ProductUpdated, 1),
        (ChangeEvent::ProductUpdated, 3),
        (ChangeEvent::ProductDeleted, 2),
    ];
    for page in [1, 2, 3, 100] {
        assert_eq!(
            changes(&room, mug.account_id, begun, page).await,
            expected,
            "{page}"
        );
    }
    let now = ChangePosition::at(database_time(&room.database).await.unwrap());
    assert_eq!(changes(&room, mug.account_id, now, 100).await, []);
    let other = room.account("other").await;
    assert_eq!(changes(&room, other, begun, 100).await, []);
    let both = [(other, begun), (mug.account_id, begun)];
    assert_eq!(account_changes(&room.database, &both, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_deletion_is_remembered_for_a_week() {
    let room = Room::open().await;
    for name in ["Mug", "Cup"] {
        let created = room.create(&product(name)).await;
        product_delete(&room.database, created.account_id, created.id, None, &cause())
            .await
            .unwrap();
    }
    room.execute(
        "UPDATE product_deletions SET deleted_at = now() - interval '7 days 1 minute' \
         WHERE deleted_at = (SELECT min(deleted_at) FROM product_deletions)",
    )
    .await;
    assert_eq!(product_deletions_purge(&room.database).await.unwrap(), 1);
    assert_eq!(product_deletions_purge(&room.database).await.unwrap(), 0);
    assert_eq!(room.count("product_deletions").await, 1);
}
