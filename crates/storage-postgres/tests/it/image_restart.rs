use domain::{Change, ChangeEvent, ImageId, ImageStatus, ImagesStatus, Product};
use messages::{ImageResult, Job, Message as _};
use storage_postgres::{
    Applied, OutboxPart, Restarted, image_restart, image_result_apply, outbox_drain, product_delete,
};

use crate::{
    invalidations::drain_invalidations,
    support::{Room, cause, draft, failed, processed, processed_body, product_of, started},
};

async fn restart(room: &Room, image: ImageId, generation: i32) -> Restarted {
    image_restart(&room.database, image, generation, &cause())
        .await
        .unwrap()
}

async fn apply(room: &Room, result: &ImageResult) -> Applied {
    image_result_apply(&room.database, result, &cause())
        .await
        .unwrap()
}

/// The jobs that wait in the outbox, which is empty afterwards.
async fn drain_jobs(room: &Room) -> Vec<Job> {
    let mut jobs = Vec::new();
    let drain = outbox_drain(&room.database, OutboxPart::Ordinary, 100, |rows| {
        let count = rows.len();
        jobs = rows
            .iter()
            .map(|row| Job::decode(&row.type_name, &row.body).unwrap())
            .collect();
        async move { vec![true; count] }
    });
    drain.await.unwrap();
    jobs
}

async fn given_up(room: &Room) -> Product {
    let created = room.create(&product_of(draft("Mug"), 2)).await;
    apply(room, &started(&created, 0, 1)).await;
    apply(room, &failed(&created, 0)).await;
    drain_jobs(room).await;
    drain_invalidations(room).await;
    created
}

#[tokio::test]
async fn a_picture_that_was_given_up_is_asked_for_as_if_it_were_new() {
    let room = Room::open().await;
    let created = given_up(&room).await;
    let (account_id, product_id, image_id) = (created.account_id, created.id, created.images[0].id);
    let restarted = restart(&room, image_id, 1).await;
    let expected = Restarted::Asked {
        account_id,
        product_id,
        generation: 2,
        version: 4,
    };
    assert_eq!(restarted, expected);

    let product = room.get(&created).await.unwrap();
    let image = &product.images[0];
    assert_eq!(
        (image.status, image.generation, image.attempts, &image.error),
        (ImageStatus::Pending, 2, 0, &None)
    );
    assert_eq!(
        (product.version, product.images_status()),
        (4, ImagesStatus::Pending)
    );
    assert!(product.updated_at > created.updated_at);
    let column = room.texts("SELECT images_status AS text FROM products").await;
    assert_eq!(column, ["pending"]);

    let jobs = drain_jobs(&room).await;
    assert!(
        matches!(&jobs[0], Job::Process(job) if job.image_id == image_id && job.generation == 2
            && job.product_id == product_id && job.account_id == account_id),
        "{jobs:?}"
    );
    assert!(
        matches!(&jobs[1], Job::Purge(job) if job.image_id == image_id && job.generation == Some(1)),
        "{jobs:?}"
    );
    let told = Change::of_product(ChangeEvent::ProductUpdated, account_id, product_id, 4);
    assert_eq!(drain_invalidations(&room).await, [told]);
}

#[tokio::test]
async fn only_the_generation_that_was_meant_is_asked_for_anew_and_only_once() {
    let room = Room::open().await;
    let created = given_up(&room).await;
    let image = created.images[0].id;
    assert!(matches!(restart(&room, image, 1).await, Restarted::Asked { .. }));
    let before = room.get(&created).await;
    for generation in [1, 3] {
        assert_eq!(restart(&room, image, generation).await, Restarted::Superseded);
    }
    apply(&room, &processed(&created, 1)).await;
    assert_eq!(
        restart(&room, created.images[1].id, 1).await,
        Restarted::Superseded
    );
    assert_eq!(
        room.get(&created).await.unwrap().images[0],
        before.unwrap().images[0]
    );
    assert_eq!(drain_jobs(&room).await.len(), 2);
}

#[tokio::test]
async fn a_picture_that_is_gone_is_not_asked_for() {
    let room = Room::open().await;
    let created = given_up(&room).await;
    product_delete(&room.database, created.account_id, created.id, None, &cause())
        .await
        .unwrap();
    drain_jobs(&room).await;
    assert_eq!(restart(&room, created.images[0].id, 1).await, Restarted::Gone);
    assert_eq!(restart(&room, ImageId::generate(), 1).await, Restarted::Gone);
    assert!(drain_jobs(&room).await.is_empty());
}

#[tokio::test]
async fn a_result_of_an_earlier_generation_changes_nothing_and_leaves_no_objects() {
    let room = Room::open().await;
    let created = given_up(&room).await;
    let image_id = created.images[0].id;
    restart(&room, image_id, 1).await;
    drain_jobs(&room).await;
    let before = room.get(&created).await;
    let late = [
        started(&created, 0, 2),
        processed(&created, 0),
        failed(&created, 0),
    ];
    for result in &late {
        assert_eq!(apply(&room, result).await, Applied::Unchanged);
    }
    assert_eq!(room.get(&created).await, before);
    let purges = drain_jobs(&room).await;
    // For both ends, since a failure may have stored some before the rest could not be.
    assert_eq!(purges.len(), 2);
    for purge in purges {
        assert!(
            matches!(&purge, Job::Purge(job) if job.image_id == image_id && job.generation == Some(1)),
            "{purge:?}"
        );
    }
    let mut body = processed_body(&created, 0);
    body.generation = 2;
    let applied = apply(&room, &ImageResult::Processed(body)).await;
    assert!(
        matches!(&applied, Applied::Changed(change) if change.version == 5),
        "{applied:?}"
    );
}
