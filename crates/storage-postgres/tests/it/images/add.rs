use domain::{Change, ChangeEvent, ImageStatus, ImagesStatus, ProductId};
use futures_util::future::join_all;
use messages::{ImageProcessV1, ImageSource, Job};
use storage_postgres::{
    AddedImage, ImagePosted, KnownKey, TooManyImages, idempotency_find, image_add, images_count,
};

use super::{add, added, answer, claim, drain_jobs, ids, listen, shown, told};
use crate::{
    invalidations::drain_invalidations,
    support::{Room, cause},
};

#[tokio::test]
async fn a_picture_comes_with_its_job_the_next_version_and_all_news_of_it() {
    let room = Room::open().await;
    let before = shown(&room, 0).await;
    listen(&room).await;
    let new = added(None);
    let ImagePosted::Fresh(after) = add(&room, &before, &new).await else {
        panic!("refused");
    };
    assert_eq!(room.get(&before).await.as_ref(), Some(&after));
    assert_eq!((after.version, after.images_status()), (2, ImagesStatus::Pending));
    assert!(after.updated_at > before.updated_at);
    let image = &after.images[0];
    assert_eq!(
        (image.id, image.position, image.status, image.alt.as_deref()),
        (new.id, 0, ImageStatus::Pending, Some("From above"))
    );
    let job = Job::Process(ImageProcessV1 {
        account_id: after.account_id,
        product_id: after.id,
        image_id: new.id,
        generation: 1,
        source: new.source,
    });
    assert_eq!(drain_jobs(&room).await, [job]);
    let change = Change::of_product(ChangeEvent::ProductUpdated, after.account_id, after.id, 2);
    assert_eq!(drain_invalidations(&room).await, [change]);
    assert_eq!(told(&room).await, ["product.updated 2"]);
    let column = room.texts("SELECT images_status AS text FROM products").await;
    assert_eq!(column, ["pending"]);
}

#[tokio::test]
async fn a_position_moves_the_others() {
    let room = Room::open().await;
    let before = shown(&room, 3).await;
    let (first, second, last) = (added(Some(0)), added(Some(2)), added(Some(19)));
    for new in [&first, &second, &last] {
        let ImagePosted::Fresh(after) = add(&room, &before, new).await else {
            panic!("refused");
        };
        // Whatever was moved is told to have changed, as it is stored.
        assert_eq!(room.get(&before).await, Some(after));
    }
    let after = room.get(&before).await.unwrap();
    let was = ids(&before);
    assert_eq!(
        ids(&after),
        [first.id, was[0], second.id, was[1], was[2], last.id]
    );
    let positions: Vec<i32> = after.images.iter().map(|image| image.position).collect();
    assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
    assert_eq!(after.version, 4);
}

#[tokio::test]
async fn an_uploads_job_names_its_object_and_callers_see_no_address() {
    let room = Room::open().await;
    let before = shown(&room, 0).await;
    let source = ImageSource::Object {
        key: "originals/a/1".to_owned(),
    };
    let upload = AddedImage {
        source: source.clone(),
        ..added(None)
    };
    add(&room, &before, &upload).await;
    let after = room.get(&before).await.unwrap();
    assert_eq!(after.images[0].source_url, None);
    let jobs = drain_jobs(&room).await;
    assert!(
        matches!(&jobs[..], [Job::Process(job)] if job.source == source),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn a_product_never_has_more_than_twenty_pictures_even_if_they_come_at_once() {
    let room = Room::open().await;
    let before = shown(&room, 17).await;
    let new: Vec<_> = (0..5).map(|_| added(Some(0))).collect();
    let outcomes = join_all(new.iter().map(|new| add(&room, &before, new))).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| **outcome == ImagePosted::Refused(TooManyImages))
        .count();
    assert_eq!(refused, 2);
    let after = room.get(&before).await.unwrap();
    assert_eq!((after.images.len(), after.version), (20, 4));
    assert_eq!(drain_jobs(&room).await.len(), 3);
    let count = images_count(&room.database, before.account_id, before.id).await;
    assert_eq!(count.unwrap(), Some(20));
}

#[tokio::test]
async fn another_accounts_product_takes_no_picture() {
    let room = Room::open().await;
    let before = shown(&room, 1).await;
    let other = room.account("other").await;
    let new = added(None);
    for (account, product) in [(other, before.id), (before.account_id, ProductId::generate())] {
        let outcome = image_add(&room.database, account, product, &new, &cause(), None, answer).await;
        assert_eq!(outcome.unwrap(), ImagePosted::NotFound);
        assert_eq!(
            images_count(&room.database, account, product).await.unwrap(),
            None
        );
    }
    assert_eq!(room.get(&before).await, Some(before));
    assert!(drain_jobs(&room).await.is_empty());
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_adds_nothing() {
    let room = Room::open().await;
    let before = shown(&room, 1).await;
    let post = async |fingerprint| {
        let (new, claim) = (added(None), claim("/images", fingerprint));
        let (account, product) = (before.account_id, before.id);
        image_add(
            &room.database,
            account,
            product,
            &new,
            &cause(),
            Some(&claim),
            answer,
        )
        .await
        .unwrap()
    };
    let find = async |fingerprint| {
        idempotency_find(&room.database, &claim("/images", fingerprint))
            .await
            .unwrap()
    };
    assert_eq!(find(1).await, None);
    let ImagePosted::Fresh(after) = post(1).await else {
        panic!("refused");
    };
    assert_eq!(post(1).await, ImagePosted::Replayed(answer(&after)));
    assert_eq!(post(2).await, ImagePosted::KeyReused);
    assert_eq!(find(1).await, Some(KnownKey::Answered(answer(&after))));
    assert_eq!(find(2).await, Some(KnownKey::Reused));
    assert_eq!(room.get(&before).await, Some(after));
    assert_eq!(drain_jobs(&room).await.len(), 1);
}
