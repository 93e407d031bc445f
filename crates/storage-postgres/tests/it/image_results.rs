use std::collections::BTreeSet;

use domain::{Change, ChangeEvent, ImageErrorCode, ImageStatus, ImagesStatus, Product, ProductDraft};
use futures_util::future::join_all;
use messages::{ImageResult, Message as _};
use storage_postgres::{Applied, StorageError, Updated, image_result_apply, product_delete, product_update};

use crate::support::{Room, cause, draft, failed, processed, processed_body, product_of, started};

/// What came of a result, but for the time.
async fn apply(room: &Room, result: &ImageResult) -> Applied {
    let applied = image_result_apply(&room.database, result, &cause()).await;
    match applied.unwrap() {
        Applied::Changed(mut change) => {
            assert!(change.changed_at.take().is_some());
            Applied::Changed(change)
        }
        other => other,
    }
}

fn changed(product: &Product, result: &ImageResult, version: i64) -> Applied {
    let event = match result {
        ImageResult::Started(_) => ChangeEvent::ImageProcessing,
        ImageResult::Processed(_) => ChangeEvent::ImageReady,
        ImageResult::Failed(_) => ChangeEvent::ImageFailed,
    };
    let change = Change::of_product(event, product.account_id, product.id, version);
    Applied::Changed(change.about(result.image_id()))
}

async fn images_status_column(room: &Room) -> String {
    room.texts("SELECT images_status AS text FROM products")
        .await
        .remove(0)
}

#[tokio::test]
async fn an_image_goes_from_pending_over_processing_to_ready() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 2)).await;

    let result = started(&created, 0, 1);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 2));
    let product = room.get(&created).await.unwrap();
    assert_eq!(
        (product.images[0].status, product.images[0].attempts),
        (ImageStatus::Processing, 1)
    );
    assert_eq!(
        (product.version, product.images_status()),
        (2, ImagesStatus::Processing)
    );
    assert!(product.updated_at > created.updated_at);
    assert!(product.images[0].updated_at > product.images[1].updated_at);

    let result = processed(&created, 0);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 3));
    let product = room.get(&created).await.unwrap();
    let (image, body) = (&product.images[0], processed_body(&created, 0));
    assert_eq!(image.status, ImageStatus::Ready);
    assert_eq!(
        (image.width, image.height, image.bytes),
        (Some(4032), Some(3024), Some(5_000_000_000))
    );
    assert_eq!(
        (image.format, &image.placeholder, &image.variants),
        (Some(body.format), &body.placeholder, &body.variants)
    );
    assert_eq!(images_status_column(&room).await, "processing");

    let result = failed(&created, 1);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 4));
    let product = room.get(&created).await.unwrap();
    assert_eq!(
        product.images[1].error.as_ref().map(|error| error.code),
        Some(ImageErrorCode::CorruptImage)
    );
    assert_eq!(product.images_status(), ImagesStatus::Partial);
    assert_eq!(images_status_column(&room).await, "partial");
}

#[tokio::test]
async fn a_result_that_comes_twice_changes_nothing() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 2)).await;
    for (result, version) in [
        (started(&created, 0, 1), 2),
        (processed(&created, 0), 3),
        (failed(&created, 1), 4),
    ] {
        assert_eq!(apply(&room, &result).await, changed(&created, &result, version));
        let before = room.get(&created).await;
        assert_eq!(apply(&room, &result).await, Applied::Unchanged);
        assert_eq!(room.get(&created).await, before);
    }
}

#[tokio::test]
async fn a_late_started_never_undoes_an_end_and_an_end_never_another() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 2)).await;
    apply(&room, &processed(&created, 0)).await;
    apply(&room, &failed(&created, 1)).await;
    let before = room.get(&created).await;
    for late in [
        started(&created, 0, 1),
        started(&created, 0, 9),
        failed(&created, 0),
        started(&created, 1, 9),
        processed(&created, 1),
    ] {
        assert_eq!(apply(&room, &late).await, Applied::Unchanged);
    }
    assert_eq!(room.get(&created).await, before);
}

#[tokio::test]
async fn a_further_attempt_is_shown_and_an_earlier_one_is_not() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    let result = started(&created, 0, 2);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 2));
    assert_eq!(apply(&room, &started(&created, 0, 1)).await, Applied::Unchanged);
    let result = started(&created, 0, 3);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 3));
    assert_eq!(room.get(&created).await.unwrap().images[0].attempts, 3);
}

#[tokio::test]
async fn a_result_of_another_generation_changes_nothing() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    room.execute("UPDATE images SET generation = 2").await;
    let before = room.get(&created).await;
    for stale in [
        started(&created, 0, 1),
        processed(&created, 0),
        failed(&created, 0),
    ] {
        assert_eq!(apply(&room, &stale).await, Applied::Unchanged);
    }
    let mut body = processed_body(&created, 0);
    body.generation = 3;
    assert_eq!(
        apply(&room, &ImageResult::Processed(body.clone())).await,
        Applied::Unchanged
    );
    assert_eq!(room.get(&created).await, before);
    body.generation = 2;
    let result = ImageResult::Processed(body);
    assert_eq!(apply(&room, &result).await, changed(&created, &result, 2));
}

#[tokio::test]
async fn a_result_for_what_is_gone_leaves_a_purge_in_the_outbox() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 2)).await;
    room.execute(&format!(
        "DELETE FROM images WHERE id = '{}'; DELETE FROM outbox",
        created.images[0].id
    ))
    .await;
    assert_eq!(apply(&room, &processed(&created, 0)).await, Applied::Gone);
    assert_eq!(apply(&room, &failed(&created, 0)).await, Applied::Gone);
    product_delete(&room.database, created.account_id, created.id, None, &cause())
        .await
        .unwrap();
    room.execute("DELETE FROM outbox WHERE account_id IS NULL").await;
    assert_eq!(apply(&room, &processed(&created, 1)).await, Applied::Gone);
    assert_eq!(apply(&room, &started(&created, 1, 1)).await, Applied::Gone);
    let purges = room.texts("SELECT convert_from(body, 'UTF8') AS text FROM outbox WHERE type_name = 'image.purge.v1' ORDER BY id").await;
    let purge = |image: usize| format!("{{\"image_id\":\"{}\"}}", created.images[image].id);
    // For both results, since a failure may have left objects, too; for the deletion; for the result after it.
    assert_eq!(purges, [purge(0), purge(0), purge(1), purge(1)]);
}

#[tokio::test]
async fn results_at_once_give_versions_of_their_own_and_the_right_sum() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 10)).await;
    let results: Vec<_> = (0..10).map(|image| processed(&created, image)).collect();
    let applied = join_all(results.iter().map(|result| apply(&room, result))).await;
    let versions: BTreeSet<i64> = applied
        .into_iter()
        .map(|applied| match applied {
            Applied::Changed(change) => change.version,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(versions, (2..=11).collect());
    assert_eq!(
        room.get(&created).await.unwrap().images_status(),
        ImagesStatus::Ready
    );
    assert_eq!(images_status_column(&room).await, "ready");
}

#[tokio::test]
async fn changes_deletions_and_results_at_once_never_wait_in_a_circle() {
    let room = Room::open().await;
    for round in 0..5 {
        let created = room.create(&product_of(draft("Mug"), 8)).await;
        let results: Vec<_> = (0..8)
            .flat_map(|image| [started(&created, image, 1), processed(&created, image)])
            .collect();
        let changes = join_all((0..8).map(|change| {
            let name = format!("Mug {round} {change}");
            product_update(
                &room.database,
                created.account_id,
                created.id,
                None,
                move |product| {
                    Ok::<_, ()>(ProductDraft {
                        name,
                        ..product.draft.clone()
                    })
                },
            )
        }));
        let results = join_all(results.iter().map(|result| apply(&room, result)));
        let deletion_cause = cause();
        let deletion = product_delete(
            &room.database,
            created.account_id,
            created.id,
            None,
            &deletion_cause,
        );
        let (changes, _, deleted) = futures_util::future::join3(changes, results, deletion).await;
        deleted.unwrap();
        for change in changes {
            assert!(
                matches!(change, Ok(Updated::Changed(_) | Updated::NotFound)),
                "{change:?}"
            );
        }
        assert_eq!(room.get(&created).await, None);
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_true_is_refused_for_good() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    let mut body = processed_body(&created, 0);
    body.variants.clear();
    let error = image_result_apply(&room.database, &ImageResult::Processed(body.clone()), &cause())
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Constraint { .. }), "{error:?}");
    body.width = u32::MAX;
    let error = image_result_apply(&room.database, &ImageResult::Processed(body), &cause())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StorageError::Value { what: "width", .. }),
        "{error:?}"
    );
    assert!(!error.is_unavailable());
    assert_eq!(room.get(&created).await, Some(created));
}
