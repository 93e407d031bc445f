use domain::{ImageId, ImageStatus, ImagesStatus, Product, ProductId};
use messages::{ImagePurgeV1, ImageSource, Job};
use storage_postgres::{
    AddedImage, IdempotencyClaim, ImageNotFailed, ImagePosted, image_result_apply, image_retry,
};

use super::{add, added, answer, claim, drain_jobs, listen, shown, told};
use crate::support::{Room, cause, failed};

async fn retry(
    room: &Room,
    product: &Product,
    id: ImageId,
    claim: Option<&IdempotencyClaim>,
) -> ImagePosted<ImageNotFailed> {
    let (account, product) = (product.account_id, product.id);
    image_retry(&room.database, account, product, id, &cause(), claim, answer)
        .await
        .unwrap()
}

/// A product whose first picture has failed, and the second not.
async fn given_up(room: &Room) -> Product {
    let product = shown(room, 2).await;
    image_result_apply(&room.database, &failed(&product, 0), &cause())
        .await
        .unwrap();
    room.execute("DELETE FROM outbox").await;
    room.get(&product).await.unwrap()
}

#[tokio::test]
async fn a_picture_that_has_failed_is_asked_for_as_if_it_were_new() {
    let room = Room::open().await;
    let before = given_up(&room).await;
    listen(&room).await;
    let id = before.images[0].id;
    let asked = retry(&room, &before, id, None).await;
    let ImagePosted::Fresh(after) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(room.get(&before).await.as_ref(), Some(&after));
    let image = &after.images[0];
    assert_eq!(
        (image.status, image.generation, image.attempts, &image.error),
        (ImageStatus::Pending, 2, 0, &None)
    );
    assert_eq!((after.version, after.images_status()), (3, ImagesStatus::Pending));
    assert_eq!(told(&room).await, ["product.updated 3"]);
    let jobs = drain_jobs(&room).await;
    let purge = Job::Purge(ImagePurgeV1 {
        image_id: id,
        generation: Some(1),
    });
    assert!(
        matches!(&jobs[..], [Job::Process(job), other] if job.image_id == id && job.generation == 2 && *other == purge),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn an_upload_is_tried_again_from_its_file() {
    let room = Room::open().await;
    let product = shown(&room, 0).await;
    let source = ImageSource::Object {
        key: "originals/a/1".to_owned(),
    };
    let upload = AddedImage {
        source: source.clone(),
        ..added(None)
    };
    let ImagePosted::Fresh(product) = add(&room, &product, &upload).await else {
        panic!("refused");
    };
    image_result_apply(&room.database, &failed(&product, 0), &cause())
        .await
        .unwrap();
    room.execute("DELETE FROM outbox").await;
    retry(&room, &product, upload.id, None).await;
    let jobs = drain_jobs(&room).await;
    assert!(
        matches!(&jobs[0], Job::Process(job) if job.source == source),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn only_a_picture_that_has_failed_is_tried_again_and_only_by_its_owner() {
    let room = Room::open().await;
    let before = given_up(&room).await;
    let [failed, pending] = [before.images[0].id, before.images[1].id];
    let refusal = ImageNotFailed {
        status: ImageStatus::Pending,
    };
    assert_eq!(
        retry(&room, &before, pending, None).await,
        ImagePosted::Refused(refusal)
    );
    let foreign = Product {
        account_id: room.account("other").await,
        ..before.clone()
    };
    let elsewhere = Product {
        id: ProductId::generate(),
        ..before.clone()
    };
    for product in [&foreign, &elsewhere] {
        assert_eq!(retry(&room, product, failed, None).await, ImagePosted::NotFound);
    }
    assert_eq!(
        retry(&room, &before, ImageId::generate(), None).await,
        ImagePosted::NotFound
    );
    assert_eq!(room.get(&before).await, Some(before));
    assert!(drain_jobs(&room).await.is_empty());
}

#[tokio::test]
async fn a_repeated_retry_gets_the_first_answer_and_asks_once() {
    let room = Room::open().await;
    let before = given_up(&room).await;
    let id = before.images[0].id;
    let claim = claim("/retry", 1);
    let asked = retry(&room, &before, id, Some(&claim)).await;
    let ImagePosted::Fresh(after) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!(
        retry(&room, &before, id, Some(&claim)).await,
        ImagePosted::Replayed(answer(&after))
    );
    assert_eq!(drain_jobs(&room).await.len(), 2);
}
