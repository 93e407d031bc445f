//! What becomes of jobs while S3 or RabbitMQ is away.

use std::time::Duration;

use domain::{ImageErrorCode::StorageUnavailable, ImageId};
use image_worker::patience::LONGEST_WAIT;
use messages::{ImagePurgeV1, ImageSource, Job, Work};
use storage_s3::{CACHE_IMMUTABLE, S3Config, keys};
use testkit::{Mode, Proxy, Reply, eventually, pictures, services};

use crate::stage::{CONCURRENCY, DEADLINE, LIMITS, Stage};

fn png() -> Reply {
    Reply::png(pictures::png(60, 40, [1, 200, 3]))
}

/// The same within two seconds.
fn slow_png() -> Reply {
    let body = pictures::png(60, 40, [1, 200, 3]);
    Reply::Slow {
        content_type: "image/png".to_owned(),
        bytes_per_second: body.len() / 2,
        body: body.into(),
    }
}

/// A bucket that is reached through `line`, with a request's patience of a few seconds.
fn behind(line: &Proxy) -> impl FnOnce(&mut S3Config) {
    let endpoint = format!("http://{}", line.address());
    |config| {
        config.endpoint = Some(endpoint);
        config.request_timeout = Duration::from_secs(3);
    }
}

async fn line_to_s3() -> Proxy {
    let endpoint = services().s3_endpoint.as_str();
    Proxy::start(endpoint.trim_start_matches("http://")).await
}

/// Waits until the line has turned away what would once have been every attempt of a job.
async fn missed(line: &Proxy) {
    eventually(DEADLINE, || async { (line.turned_away() >= 12).then_some(()) }).await;
}

fn purge(image_id: ImageId) -> Job {
    Job::Purge(ImagePurgeV1 {
        image_id,
        generation: None,
    })
}

#[tokio::test]
async fn a_bucket_that_stays_away_fails_the_picture_with_its_own_code() {
    let line = line_to_s3().await;
    let stage = Stage::with_patience(Duration::from_secs(1), behind(&line)).await;
    line.set(Mode::Cut);
    let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
    let failed = stage.failed(&job).await;
    assert_eq!((failed.error.code, failed.attempt), (StorageUnavailable, 3));
    let address = line.address().to_string();
    assert!(!failed.error.detail.contains(&address), "{}", failed.error.detail);
    stage.dead(1).await;
}

#[tokio::test]
async fn a_bucket_that_is_away_for_a_while_costs_no_attempt_and_no_second_download() {
    for mode in [Mode::Cut, Mode::Silent] {
        let line = line_to_s3().await;
        let stage = Stage::with_detour(behind(&line)).await;
        line.set(mode);
        let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
        missed(&line).await;
        line.set(Mode::Pass);
        assert_eq!(stage.processed(&job).await.attempt, 1, "{mode:?}");
        assert_eq!(stage.answers(job.image_id).len(), 2, "{mode:?}");
        assert_eq!(stage.origin.hits("/a.png"), 1, "{mode:?}");
        assert_eq!(stage.bucket.keys("variants/").await.len(), 6);
    }
}

#[tokio::test]
async fn an_upload_and_a_purge_wait_for_the_bucket_too() {
    let line = line_to_s3().await;
    let stage = Stage::with_detour(behind(&line)).await;
    let store = stage.bucket.store().await;
    let (kept, gone) = (ImageId::generate(), ImageId::generate());
    let key = keys::original_key(kept, 1);
    for key in [&key, &keys::original_key(gone, 1)] {
        let file = pictures::png(60, 40, [1, 200, 3]);
        store
            .object_put(key, file.into(), "image/png", CACHE_IMMUTABLE)
            .await
            .unwrap();
    }
    line.set(Mode::Cut);
    let job = stage.ask_for(ImageSource::Object { key }).await;
    stage.publish(&purge(gone)).await;
    missed(&line).await;
    line.set(Mode::Pass);
    assert_eq!(stage.processed(&job).await.attempt, 1);
    // The upload and its variants are left.
    eventually(DEADLINE, || async {
        (stage.bucket.keys("").await.len() == 7).then_some(())
    })
    .await;
    stage.dead(0).await;
}

#[tokio::test]
async fn nothing_is_begun_while_the_bucket_is_known_to_be_away() {
    let line = line_to_s3().await;
    let stage = Stage::with_detour(behind(&line)).await;
    line.set(Mode::Cut);
    eventually(DEADLINE, || async {
        stage.store.object_get("originals/none", 1).await.unwrap_err();
        (!stage.store.is_usable()).then_some(())
    })
    .await;

    let mut jobs = Vec::new();
    for number in 0..CONCURRENCY + 2 {
        let path = format!("/{number}.png");
        jobs.push((stage.ask_for_url(stage.origin.serve(&path, png())).await, path));
    }
    // Nobody looks for the bucket but a job that waits.
    let before = line.turned_away();
    eventually(DEADLINE, || async {
        (line.turned_away() >= before + 3).then_some(())
    })
    .await;
    for (job, path) in &jobs {
        assert_eq!(stage.answers(job.image_id), []);
        assert_eq!(stage.origin.hits(path), 0);
    }
    line.set(Mode::Pass);
    for (job, path) in &jobs {
        assert_eq!(stage.processed(job).await.attempt, 1);
        assert_eq!(stage.origin.hits(path), 1);
    }
    stage.dead(0).await;
}

/// Too long a ladder for anything to come back over it.
const LONG_LADDER: [Duration; 1] = [Duration::from_hours(1)];

/// Waits until so many jobs are back in their queue.
async fn back(stage: &Stage, count: u32) {
    let queue = stage.rabbit.names().queue(Work::Jobs);
    eventually(DEADLINE, || async {
        (stage.rabbit.queue_depth(&queue).await == Some(count)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_goes_back_to_the_queue_when_the_worker_stops() {
    let line = line_to_s3().await;
    let stage = Stage::build(LIMITS, &LONG_LADDER, LONGEST_WAIT, behind(&line)).await;
    line.set(Mode::Cut);
    let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
    stage.publish(&purge(ImageId::generate())).await;
    missed(&line).await;
    stage.stop_working();
    back(&stage, 2).await;
    // Only that it had begun was told.
    assert_eq!(stage.answers(job.image_id).len(), 1);
    stage.dead(0).await;
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_at_a_stop_costs_no_attempt() {
    let stage = Stage::build(LIMITS, &LONG_LADDER, LONGEST_WAIT, |_| {}).await;
    stage.ask_for_url(stage.origin.serve("/a.png", slow_png())).await;
    eventually(DEADLINE, || async {
        (stage.origin.hits("/a.png") == 1).then_some(())
    })
    .await;
    stage.rabbit.unroute(Work::Results).await;
    stage.stop_working();
    back(&stage, 1).await;
    stage.dead(0).await;
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_for_a_while_costs_no_attempt_and_no_second_download() {
    let stage = Stage::build(LIMITS, &LONG_LADDER, LONGEST_WAIT, |_| {}).await;
    let job = stage.ask_for_url(stage.origin.serve("/a.png", slow_png())).await;
    eventually(DEADLINE, || async {
        (stage.origin.hits("/a.png") == 1).then_some(())
    })
    .await;
    // The first attempt to publish finds this out, and has it mended.
    stage.rabbit.unroute(Work::Results).await;
    assert_eq!(stage.processed(&job).await.attempt, 1);
    assert_eq!(stage.origin.hits("/a.png"), 1);
    stage.dead(0).await;
}
