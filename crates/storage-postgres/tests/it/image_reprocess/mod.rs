mod choosing;
mod mishaps;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ImageError, ImageErrorCode, ImageFormat, ImageId, Product};
use messages::{
    ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImagePurgeV1, ImageResult, ImageSource, ImageStartedV1,
    Job, Message as _, Work,
};
use storage_postgres::{
    Applied, AskedToReprocess, FailedReprocess, Orphan, OrphanObjects, OrphanReason, OutboxPart,
    ReprocessChoice, Restarted, StoredGeneration, StoredVariants, Swept, backfill_held_up, image_restart,
    image_result_apply, images_reprocess_ask, images_reprocess_begin, images_reprocess_failed,
    images_reprocess_page, images_reprocess_progress, images_reprocess_stuck_ask, images_stuck_ask,
    orphans_purge, outbox_drain, outbox_stats, product_delete,
};

use crate::support::{Room, cause, draft, failed, processed, processed_body, product_of};

const SILENCE: Duration = Duration::from_secs(600);

async fn apply(room: &Room, result: &ImageResult) -> Applied {
    image_result_apply(&room.database, result, &cause())
        .await
        .unwrap()
}

/// The messages that wait in the outbox, which is empty afterwards.
async fn drain(room: &Room) -> Vec<(Work, Job)> {
    room.execute("UPDATE outbox SET available_at = created_at").await;
    drain_due(room).await
}

/// Those of them that are not held back.
async fn drain_due(room: &Room) -> Vec<(Work, Job)> {
    let mut jobs = Vec::new();
    for part in [OutboxPart::Ordinary, OutboxPart::Backfill] {
        let drain = outbox_drain(&room.database, part, 1_000, |rows| {
            let count = rows.len();
            let read = |row: &storage_postgres::OutboxRow| {
                (row.work, Job::decode(&row.type_name, &row.body).unwrap())
            };
            jobs.extend(rows.iter().map(read));
            async move { vec![true; count] }
        });
        drain.await.unwrap();
    }
    jobs
}

/// A product whose pictures are all ready, and nothing left to do.
async fn ready(room: &Room, images: usize) -> Product {
    let created = room.create(&product_of(draft("Mug"), images)).await;
    for image in 0..images {
        apply(room, &processed(&created, image)).await;
    }
    drain(room).await;
    room.get(&created).await.unwrap()
}

fn lacking(run: DateTime<Utc>, name: &str, formats: &[ImageFormat]) -> ReprocessChoice {
    let stored = StoredVariants::Lacking {
        name: name.to_owned(),
        formats: formats.to_vec(),
    };
    ReprocessChoice {
        run,
        account: None,
        since: None,
        stored,
    }
}

async fn begin(room: &Room) -> DateTime<Utc> {
    images_reprocess_begin(&room.database).await.unwrap()
}

async fn wanted(room: &Room, choice: &ReprocessChoice) -> Vec<ImageId> {
    let page = images_reprocess_page(&room.database, choice, None, 100).await;
    page.unwrap().wanted
}

/// Asks for these images, whatever they have.
async fn ask(room: &Room, ids: &[ImageId], run: DateTime<Utc>) -> AskedToReprocess {
    let all = ReprocessChoice {
        stored: StoredVariants::MadeBefore(run),
        ..lacking(run, "", &[])
    };
    images_reprocess_ask(&room.database, ids, &all).await.unwrap()
}

/// A ready picture of which generation 2 is under way.
async fn asked(room: &Room) -> Product {
    let product = ready(room, 1).await;
    let run = begin(room).await;
    let outcome = ask(room, &[product.images[0].id], run).await;
    assert_eq!((outcome.asked, outcome.passed_over), (1, 0));
    product
}

fn remade(product: &Product, generation: i32) -> ImageResult {
    let mut body = processed_body(product, 0);
    body.generation = generation;
    for variant in &mut body.variants {
        variant.name = "large".to_owned();
        variant.key = format!("variants/a/{generation}/large.webp");
    }
    ImageResult::Processed(ImageProcessedV1 {
        animated: true,
        original_key: Some("originals/a/2".to_owned()),
        ..body
    })
}

fn not_remade(product: &Product, generation: i32) -> ImageResult {
    match failed(product, 0) {
        ImageResult::Failed(body) => ImageResult::Failed(ImageFailedV1 { generation, ..body }),
        other => other,
    }
}

fn purge(product: &Product, generation: i32) -> (Work, Job) {
    let purge = Job::Purge(ImagePurgeV1 {
        image_id: product.images[0].id,
        generation: Some(generation),
    });
    (Work::Backfill, purge)
}

#[tokio::test]
async fn a_reprocessed_picture_shows_its_old_variants_until_the_new_ones_are_there() {
    let room = Room::open().await;
    let product = asked(&room).await;
    let image = &product.images[0];
    assert_eq!(room.get(&product).await.as_ref(), Some(&product));
    let job = Job::Process(ImageProcessV1 {
        account_id: product.account_id,
        product_id: product.id,
        image_id: image.id,
        generation: 2,
        source: ImageSource::Url {
            url: image.source_url.clone().unwrap(),
        },
    });
    assert_eq!(drain(&room).await, [(Work::Backfill, job)]);

    let started = ImageResult::Started(ImageStartedV1 {
        product_id: product.id,
        image_id: image.id,
        generation: 2,
        attempt: 1,
    });
    assert_eq!(apply(&room, &started).await, Applied::Unchanged);
    assert_eq!(room.get(&product).await.as_ref(), Some(&product));

    let applied = apply(&room, &remade(&product, 2)).await;
    assert!(matches!(applied, Applied::Changed(change) if change.version == product.version + 1));
    let after = room.get(&product).await.unwrap();
    let now = &after.images[0];
    assert_eq!(
        (now.generation, now.status, now.animated),
        (2, image.status, true)
    );
    assert_eq!(now.variants[0].key, "variants/a/2/large.webp");
    assert_eq!(drain(&room).await, [purge(&product, 1)]);
    // Whatever comes later of either generation changes nothing.
    for late in [remade(&product, 2), not_remade(&product, 2)] {
        assert_eq!(apply(&room, &late).await, Applied::Unchanged);
        assert!(drain(&room).await.is_empty());
    }
    apply(&room, &processed(&product, 0)).await;
    assert_eq!(drain(&room).await.len(), 1);
    assert_eq!(room.get(&product).await, Some(after));
}

#[tokio::test]
async fn a_reprocess_that_fails_leaves_the_picture_as_it_was() {
    let room = Room::open().await;
    let product = asked(&room).await;
    let id = product.images[0].id;
    drain(&room).await;
    assert_eq!(
        apply(&room, &not_remade(&product, 2)).await,
        Applied::NotReprocessed
    );
    assert_eq!(room.get(&product).await.as_ref(), Some(&product));
    assert_eq!(drain(&room).await, [purge(&product, 2)]);
    // A worker that did not know of it was done after all: too late.
    assert_eq!(apply(&room, &remade(&product, 2)).await, Applied::Unchanged);
    assert_eq!(drain(&room).await.len(), 1);
    assert_eq!(room.get(&product).await.as_ref(), Some(&product));

    // It can be asked for again, under keys that were never used.
    let run = begin(&room).await;
    assert_eq!(ask(&room, &[id], run).await.asked, 1);
    let jobs = drain(&room).await;
    assert!(
        matches!(&jobs[..], [(Work::Backfill, Job::Process(job))] if job.generation == 3),
        "{jobs:?}"
    );
    apply(&room, &remade(&product, 3)).await;
    assert_eq!(room.get(&product).await.unwrap().images[0].generation, 3);
}

#[tokio::test]
async fn a_picture_is_made_again_from_the_original_that_is_kept() {
    let room = Room::open().await;
    let product = asked(&room).await;
    drain(&room).await;
    apply(&room, &remade(&product, 2)).await;
    drain(&room).await;
    let run = begin(&room).await;
    ask(&room, &[product.images[0].id], run).await;
    let jobs = drain(&room).await;
    let key = "originals/a/2".to_owned();
    assert!(
        matches!(&jobs[..], [(_, Job::Process(job))] if job.source == ImageSource::Object { key }),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn an_original_that_is_gone_is_fetched_again_the_next_time() {
    let room = Room::open().await;
    let product = asked(&room).await;
    drain(&room).await;
    apply(&room, &remade(&product, 2)).await;
    ask(&room, &[product.images[0].id], begin(&room).await).await;
    drain(&room).await;
    let ImageResult::Failed(failure) = not_remade(&product, 3) else {
        unreachable!("it has failed");
    };
    let gone = ImageError {
        code: ImageErrorCode::DownloadFailed,
        detail: "It is not stored any more.".to_owned(),
    };
    let gone = ImageResult::Failed(ImageFailedV1 {
        error: gone,
        ..failure
    });
    apply(&room, &gone).await;
    drain(&room).await;
    ask(&room, &[product.images[0].id], begin(&room).await).await;
    let jobs = drain(&room).await;
    assert!(
        matches!(&jobs[..], [(_, Job::Process(job))] if matches!(job.source, ImageSource::Url { .. })),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn what_open_pages_still_show_is_deleted_ten_minutes_later() {
    let room = Room::open().await;
    let product = asked(&room).await;
    drain(&room).await;
    apply(&room, &remade(&product, 2)).await;
    let later = async |seconds: u64| {
        room.execute(&format!(
            "UPDATE outbox SET available_at = available_at - interval '{seconds} s'; \
             UPDATE images SET made_at = made_at - interval '{seconds} s'"
        ))
        .await;
    };
    let old = [StoredGeneration {
        image_id: product.images[0].id,
        generation: 1,
        original_key: None,
    }];
    let sweep = async || orphans_purge(&room.database, &old).await.unwrap();
    later(590).await;
    assert!(drain_due(&room).await.is_empty());
    assert_eq!(sweep().await, Swept::Purged(Vec::new()));
    // What is only held back is neither late nor in anybody's way.
    assert_eq!(outbox_stats(&room.database).await.unwrap().depth, 0);
    assert!(!backfill_held_up(&room.database).await.unwrap());
    later(11).await;
    assert!(backfill_held_up(&room.database).await.unwrap());
    assert_eq!(drain_due(&room).await, [purge(&product, 1)]);
    assert!(matches!(sweep().await, Swept::Purged(orphans) if orphans.len() == 1));
}

#[tokio::test]
async fn a_backfill_that_nobody_takes_holds_up_no_other_message() {
    let room = Room::open().await;
    asked(&room).await;
    room.create(&product_of(draft("New"), 2)).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let database = room.database.clone();
    let hanging = tokio::spawn(async move {
        outbox_drain(&database, OutboxPart::Backfill, 10, |rows| async move {
            sender.send(rows.len()).unwrap();
            std::future::pending().await
        })
        .await
    });
    assert_eq!(receiver.await.unwrap(), 1);
    let works: Vec<_> = drain_due(&room).await.into_iter().map(|(work, _)| work).collect();
    assert_eq!(works, [Work::Jobs, Work::Jobs]);
    hanging.abort();
}
