//! What becomes of jobs while S3 or RabbitMQ is away.

use std::time::Duration;

use domain::ImageErrorCode::StorageUnavailable;
use messages::Work;
use testkit::{Mode, Proxy, Reply, eventually, pictures, services};

use crate::stage::{DEADLINE, LIMITS, Stage};

fn png() -> Reply {
    Reply::png(pictures::png(60, 40, [1, 200, 3]))
}

async fn stage_behind(line: &Proxy) -> Stage {
    let endpoint = format!("http://{}", line.address());
    Stage::with_detour(|config| {
        config.endpoint = Some(endpoint);
        config.request_timeout = Duration::from_secs(1);
    })
    .await
}

async fn line_to_s3() -> Proxy {
    let endpoint = services().s3_endpoint.as_str();
    Proxy::start(endpoint.trim_start_matches("http://")).await
}

#[tokio::test]
async fn a_bucket_that_stays_away_fails_the_picture_with_its_own_code() {
    let line = line_to_s3().await;
    let stage = stage_behind(&line).await;
    line.set(Mode::Cut);
    let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
    let failed = stage.failed(&job).await;
    assert_eq!((failed.error.code, failed.attempt), (StorageUnavailable, 3));
    let address = line.address().to_string();
    assert!(!failed.error.detail.contains(&address), "{}", failed.error.detail);
    stage.dead(1).await;
}

#[tokio::test]
async fn a_bucket_that_hangs_for_a_while_costs_an_attempt_and_no_picture() {
    let line = line_to_s3().await;
    let stage = stage_behind(&line).await;
    line.set(Mode::Silent);
    let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
    eventually(DEADLINE, || async {
        (stage.origin.hits("/a.png") == 2).then_some(())
    })
    .await;
    line.set(Mode::Pass);
    let processed = stage.processed(&job).await;
    assert!(processed.attempt >= 2, "{processed:?}");
    assert_eq!(stage.bucket.keys("").await.len(), 6);
}

#[tokio::test]
async fn a_job_is_kept_until_its_answer_is_in_a_queue() {
    let delays = [1_000, 2_000].map(Duration::from_millis);
    let stage = Stage::with(LIMITS, &delays).await;
    let names = stage.rabbit.names();
    let done = stage.ask_for_url(stage.origin.serve("/first.png", png())).await;
    stage.processed(&done).await;

    // Answers now lead nowhere.
    stage.rabbit.unroute(Work::Results).await;
    let job = stage.ask_for_url(stage.origin.serve("/a.png", png())).await;
    eventually(DEADLINE, || async {
        for delay in delays {
            let held = names.retry_queue(Work::Jobs, delay);
            if stage.rabbit.queue_depth(&held).await == Some(1) {
                return Some(());
            }
        }
        None
    })
    .await;
    assert_eq!(stage.answers(job.image_id), []);

    stage.rabbit.route(Work::Results).await;
    assert!(stage.processed(&job).await.attempt >= 2);
    stage.dead(0).await;
}
