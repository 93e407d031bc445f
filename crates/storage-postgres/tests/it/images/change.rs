use std::convert::Infallible;

use domain::{Expected, Image, ImageDraft, ImageId, Product};
use messages::{ImagePurgeV1, Job};
use storage_postgres::{Updated, image_delete, image_update};

use super::{drain_jobs, ids, listen, shown, told};
use crate::{
    invalidations::drain_invalidations,
    support::{Room, cause},
};

async fn update(
    room: &Room,
    product: &Product,
    id: ImageId,
    expected: Option<&[i64]>,
    change: impl FnOnce(&Image) -> ImageDraft,
) -> Updated<Infallible> {
    let (account, product) = (product.account_id, product.id);
    let expected = expected.map(Expected::one_of);
    image_update(&room.database, account, product, id, expected.as_ref(), |image| {
        Ok(change(image))
    })
    .await
    .unwrap()
}

fn at(position: i32) -> impl FnOnce(&Image) -> ImageDraft {
    move |image| ImageDraft {
        alt: image.alt.clone(),
        position,
    }
}

async fn remove(
    room: &Room,
    product: &Product,
    id: ImageId,
    expected: Option<&[i64]>,
) -> Updated<Infallible> {
    let (account, product) = (product.account_id, product.id);
    let expected = expected.map(Expected::one_of);
    image_delete(&room.database, account, product, id, expected.as_ref(), &cause())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_picture_that_moves_has_the_others_close_up() {
    let room = Room::open().await;
    let before = shown(&room, 4).await;
    listen(&room).await;
    let [a, b, c, d] = ids(&before)[..] else {
        unreachable!()
    };
    for (id, position, order) in [(a, 2, [b, c, a, d]), (d, 0, [d, b, c, a]), (d, 19, [b, c, a, d])] {
        let moved = update(&room, &before, id, None, at(position)).await;
        let Updated::Changed(after) = moved else {
            panic!("{moved:?}")
        };
        assert_eq!(room.get(&before).await.as_ref(), Some(&after));
        assert_eq!(ids(&after), order);
    }
    assert_eq!(
        told(&room).await,
        ["product.updated 2", "product.updated 3", "product.updated 4"]
    );
    assert_eq!(drain_invalidations(&room).await.len(), 3);
    assert!(drain_jobs(&room).await.is_empty(), "nothing is made anew");
}

#[tokio::test]
async fn a_text_changes_alone_and_what_changes_nothing_keeps_the_version() {
    let room = Room::open().await;
    let before = shown(&room, 2).await;
    let id = before.images[1].id;
    let describe = |image: &Image| ImageDraft {
        alt: Some("From below".to_owned()),
        position: image.position,
    };
    let changed = update(&room, &before, id, Some(&[1, 7]), describe).await;
    let Updated::Changed(after) = changed else {
        panic!("{changed:?}")
    };
    assert_eq!(room.get(&before).await.as_ref(), Some(&after));
    assert_eq!(after.images[0], before.images[0]);
    assert_eq!(after.images[1].alt.as_deref(), Some("From below"));
    assert!(after.images[1].updated_at > before.images[1].updated_at);

    assert_eq!(
        update(&room, &before, id, None, describe).await,
        Updated::Unchanged(after.clone())
    );
    // Beyond the last is where it is already.
    assert_eq!(
        update(&room, &before, id, None, at(9)).await,
        Updated::Unchanged(after.clone())
    );
    assert_eq!(
        update(&room, &before, id, Some(&[1]), at(0)).await,
        Updated::VersionMismatch { current: 2 }
    );
    assert_eq!(room.get(&before).await, Some(after));
}

#[tokio::test]
async fn a_removed_picture_is_purged_with_all_it_has_and_the_others_close_up() {
    let room = Room::open().await;
    let before = shown(&room, 3).await;
    listen(&room).await;
    let id = before.images[0].id;
    assert_eq!(
        remove(&room, &before, id, Some(&[4])).await,
        Updated::VersionMismatch { current: 1 }
    );
    let removed = remove(&room, &before, id, Some(&[1])).await;
    let Updated::Changed(after) = removed else {
        panic!("{removed:?}")
    };
    assert_eq!(room.get(&before).await.as_ref(), Some(&after));
    assert_eq!(ids(&after), ids(&before)[1..]);
    assert_eq!((after.images[0].position, after.version), (0, 2));
    let purge = Job::Purge(ImagePurgeV1 {
        image_id: id,
        generation: None,
    });
    assert_eq!(drain_jobs(&room).await, [purge]);
    assert_eq!(told(&room).await, ["product.updated 2"]);
    assert_eq!(remove(&room, &before, id, None).await, Updated::NotFound);
    for id in ids(&after) {
        remove(&room, &before, id, None).await;
    }
    let column = room.texts("SELECT images_status AS text FROM products").await;
    assert_eq!(column, ["none"]);
}

#[tokio::test]
async fn another_accounts_picture_is_not_there() {
    let room = Room::open().await;
    let before = shown(&room, 2).await;
    let (id, neighbour) = (before.images[0].id, shown(&room, 1).await);
    let foreign = Product {
        account_id: room.account("other").await,
        ..before.clone()
    };
    // Nor is one of another product of the same account.
    for elsewhere in [&foreign, &neighbour] {
        assert_eq!(update(&room, elsewhere, id, None, at(1)).await, Updated::NotFound);
        assert_eq!(remove(&room, elsewhere, id, None).await, Updated::NotFound);
    }
    assert_eq!(room.get(&before).await, Some(before));
}
