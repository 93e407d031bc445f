use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ImageFormat, ImageId, Product};
use messages::{
    ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImagePurgeV1, ImageResult, ImageSource, ImageStartedV1,
    Job, Message as _, Work,
};
use storage_postgres::{
    Applied, AskedToReprocess, FailedReprocess, Orphan, OrphanReason, ReprocessChoice, Restarted,
    StoredGeneration, StoredVariants, Swept, image_restart, image_result_apply, images_reprocess_ask,
    images_reprocess_begin, images_reprocess_failed, images_reprocess_page, images_reprocess_progress,
    images_reprocess_stuck_ask, images_stuck_ask, orphans_purge, outbox_drain, product_delete,
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
    let mut jobs = Vec::new();
    let drain = outbox_drain(&room.database, 1_000, |rows| {
        let count = rows.len();
        let read =
            |row: &storage_postgres::OutboxRow| (row.work, Job::decode(&row.type_name, &row.body).unwrap());
        jobs = rows.iter().map(read).collect();
        async move { vec![true; count] }
    });
    drain.await.unwrap();
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

async fn ask(room: &Room, ids: &[ImageId], run: DateTime<Utc>) -> AskedToReprocess {
    images_reprocess_ask(&room.database, ids, run).await.unwrap()
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
    assert!(matches!(applied, Applied::Changed { version, .. } if version == product.version + 1));
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
async fn only_pictures_that_lack_the_variant_are_wanted_unless_all_are() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    room.create(&product_of(draft("Unfinished"), 2)).await;
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    let run = begin(&room).await;
    let webp = [ImageFormat::WebP];
    assert_eq!(wanted(&room, &lacking(run, "large", &webp)).await, ids);
    assert!(wanted(&room, &lacking(run, "thumbnail", &webp)).await.is_empty());
    let both = [ImageFormat::WebP, ImageFormat::Jpeg];
    assert_eq!(wanted(&room, &lacking(run, "thumbnail", &both)).await, ids);

    let all = |before| ReprocessChoice {
        stored: StoredVariants::MadeBefore(before),
        ..lacking(run, "thumbnail", &webp)
    };
    assert_eq!(wanted(&room, &all(run)).await, ids);
    assert!(wanted(&room, &all(run - TimeDelta::hours(1))).await.is_empty());
    let since = |since| ReprocessChoice {
        since: Some(since),
        ..all(run)
    };
    assert_eq!(wanted(&room, &since(run - TimeDelta::hours(1))).await, ids);
    assert!(wanted(&room, &since(run + TimeDelta::hours(1))).await.is_empty());
    let other = room.account("other").await;
    let of_other = ReprocessChoice {
        account: Some(other),
        ..all(run)
    };
    assert!(wanted(&room, &of_other).await.is_empty());
}

#[tokio::test]
async fn running_it_again_does_nothing_new() {
    let room = Room::open().await;
    let product = ready(&room, 2).await;
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    let first = begin(&room).await;
    ask(&room, &ids, first).await;
    drain(&room).await;
    // Those that are under way are left alone, whoever names them.
    let again = begin(&room).await;
    let choice = lacking(again, "large", &[ImageFormat::WebP]);
    assert!(wanted(&room, &choice).await.is_empty());
    let outcome = ask(&room, &ids, again).await;
    assert_eq!((outcome.asked, outcome.passed_over), (0, 2));
    // One that is done is done, by what it has and by when it was made.
    apply(&room, &remade(&product, 2)).await;
    let again = begin(&room).await;
    assert!(
        wanted(
            &room,
            &ReprocessChoice {
                run: again,
                ..choice.clone()
            }
        )
        .await
        .is_empty()
    );
    let all = ReprocessChoice {
        stored: StoredVariants::MadeBefore(first),
        run: again,
        ..choice
    };
    assert!(wanted(&room, &all).await.is_empty());
    let standing = images_reprocess_progress(&room.database, first).await.unwrap();
    assert_eq!((standing.under_way, standing.of_run, standing.failed), (1, 1, 0));
}

#[tokio::test]
async fn a_run_asks_once_for_what_fails_and_names_it() {
    let room = Room::open().await;
    let product = ready(&room, 1).await;
    let id = product.images[0].id;
    let run = begin(&room).await;
    ask(&room, &[id], run).await;
    apply(&room, &not_remade(&product, 2)).await;
    let choice = lacking(run, "large", &[ImageFormat::WebP]);
    assert!(wanted(&room, &choice).await.is_empty());
    assert_eq!(ask(&room, &[id], run).await.asked, 0);
    let standing = images_reprocess_progress(&room.database, run).await.unwrap();
    assert_eq!((standing.under_way, standing.of_run, standing.failed), (0, 0, 1));
    let failed = FailedReprocess {
        image_id: id,
        code: "corrupt_image".to_owned(),
    };
    let named = images_reprocess_failed(&room.database, run, 10).await.unwrap();
    assert_eq!(named, [failed]);
    let later = begin(&room).await;
    assert_eq!(
        wanted(&room, &ReprocessChoice { run: later, ..choice }).await,
        [id]
    );
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
    let stored = |generation, is_original| StoredGeneration {
        image_id,
        generation,
        is_original,
    };
    let all = [
        stored(1, false),
        stored(2, false),
        stored(1, true),
        stored(2, true),
    ];
    let sweep = async || orphans_purge(&room.database, &all).await.unwrap();
    assert_eq!(sweep().await, Swept::Purged(Vec::new()));

    let orphan = |generation, reason| {
        Swept::Purged(vec![Orphan {
            image_id,
            generation: Some(generation),
            reason,
        }])
    };
    apply(&room, &not_remade(&product, 2)).await;
    assert_eq!(sweep().await, orphan(2, OrphanReason::Failed));
    let run = begin(&room).await;
    ask(&room, &[image_id], run).await;
    apply(&room, &remade(&product, 3)).await;
    let all = [stored(1, false), stored(3, false), stored(1, true)];
    let swept = orphans_purge(&room.database, &all).await.unwrap();
    assert_eq!(swept, orphan(1, OrphanReason::Superseded));
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

#[tokio::test]
async fn the_backfill_leaves_the_outbox_after_everything_else() {
    let room = Room::open().await;
    asked(&room).await;
    room.create(&product_of(draft("New"), 2)).await;
    let works: Vec<_> = drain(&room).await.into_iter().map(|(work, _)| work).collect();
    assert_eq!(works, [Work::Jobs, Work::Jobs, Work::Backfill]);
}

#[tokio::test]
async fn pages_end_where_the_images_end_and_leave_none_out() {
    let room = Room::open().await;
    let product = ready(&room, 7).await;
    let run = begin(&room).await;
    let choice = lacking(run, "large", &[ImageFormat::WebP]);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = images_reprocess_page(&room.database, &choice, after, 3)
            .await
            .unwrap();
        seen.extend(page.wanted);
        match page.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let ids: Vec<_> = product.images.iter().map(|image| image.id).collect();
    assert_eq!(seen, ids);
}
