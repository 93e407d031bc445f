//! `api images reprocess`, as an operator sees it.

use std::{process::Stdio, time::Duration};

use broker::{BackfillShare, Broker, Delivery, GiveUp, Handler, Outcome, PublishError, Publisher};
use domain::{ImageError, ImageErrorCode, ImageFormat, Variant};
use messages::{ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImageResult, Job, Work};
use serde_json::Value;
use testkit::eventually;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{Answer, TestApp},
    commands::{self, Said, said},
    results::{broker_config, until},
};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_lack_a_variant_are_made_again_and_counted() {
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail"], false);
    let products = [ready(&app, 2).await, ready(&app, 1).await];
    worker.stop().await;

    let dry = reprocess(&app, &["--variant", "large", "--dry-run"]).await;
    assert!(dry.is_success && dry.says("to be made again: 3\n"), "{dry:?}");
    let worker = Worker::start(&app, &["thumbnail", "large"], false);
    let done = reprocess(&app, &["--variant", "large"]).await;
    assert!(
        done.is_success && done.says("Made again: 3; failed: 0;"),
        "{done:?}"
    );
    for before in &products {
        let after = app.product(before.id()).await;
        let pictures = before.body["images"].as_array().unwrap().len() as i64;
        assert_eq!(version(&after), version(before) + pictures);
        assert_eq!(
            names(&after.body["images"][0]),
            ["large", "large", "thumbnail", "thumbnail"]
        );
    }
    let again = reprocess(&app, &["--variant", "large"]).await;
    assert!(again.is_success && again.says("Made again: 0;"), "{again:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_know_the_variant_is_noticed() {
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail"], false);
    ready(&app, 2).await;
    let outcome = reprocess(&app, &["--variant", "large"]).await;
    assert!(
        !outcome.is_success
            && outcome.says("Made again: 2; failed: 0;")
            && outcome.says("Made again without the variant: 2; were all workers restarted with it?"),
        "{outcome:?}"
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_named_and_shows_what_it_had() {
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail"], false);
    let before = ready(&app, 1).await;
    worker.stop().await;

    let worker = Worker::start(&app, &[], true);
    let failed = reprocess(&app, &["--variant", "large"]).await;
    assert!(
        !failed.is_success && failed.says("Made again: 0; failed: 1;"),
        "{failed:?}"
    );
    let image = before.body["images"][0]["id"].as_str().unwrap();
    assert!(
        failed.says(&format!("failed: {image}  download_failed")),
        "{failed:?}"
    );
    assert_eq!(app.product(before.id()).await.body, before.body);
    worker.stop().await;

    let worker = Worker::start(&app, &["thumbnail", "large"], false);
    let done = reprocess(&app, &["--variant", "large"]).await;
    assert!(
        done.is_success && done.says("Made again: 1; failed: 0;"),
        "{done:?}"
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_variant_is_refused_by_name() {
    let app = TestApp::start().await;
    let refused = reprocess(&app, &["--variant", "huge"]).await;
    assert!(!refused.is_success, "{refused:?}");
    assert!(
        refused.says("\"huge\"") && refused.says("thumbnail, medium, large"),
        "{refused:?}"
    );
    let refused = reprocess(&app, &["--variant", "large", "--account", "nobody"]).await;
    assert!(
        !refused.is_success && refused.says("no account \"nobody\""),
        "{refused:?}"
    );
    let refused = reprocess(&app, &["--variant", "large", "--since", "tomorrow"]).await;
    assert!(!refused.is_success && refused.says("30d"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_made_again_where_that_is_meant_and_none_twice() {
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail", "medium", "large"], false);
    ready(&app, 2).await;
    let none = reprocess(&app, &["--variant", "large"]).await;
    assert!(none.is_success && none.says("Made again: 0;"), "{none:?}");
    let all = reprocess(&app, &["--variant", "large", "--all", "--since", "1h"]).await;
    assert!(all.is_success && all.says("Made again: 2;"), "{all:?}");
    // It says how to go on after an interruption.
    let (_, rest) = all.text.split_once("--made-before ").unwrap();
    let time = rest.split_whitespace().next().unwrap();
    let again = reprocess(&app, &["--variant", "large", "--all", "--made-before", time]).await;
    assert!(again.is_success && again.says("Made again: 0;"), "{again:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_picture_lacks_the_variant_it_says_what_a_change_of_quality_takes() {
    const HINT: &str = "Nothing to do for the variant \"large\". After a change of its size or quality, which cannot \
                        be seen, give --all.\n";
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail", "large"], false);
    ready(&app, 1).await;
    for arguments in [&["--variant", "large"][..], &["--variant", "large", "--dry-run"]] {
        let none = reprocess(&app, arguments).await;
        assert!(none.is_success && none.says(HINT), "{none:?}");
    }
    // There is something to do, or that is what was given.
    for arguments in [
        &["--variant", "medium", "--dry-run"][..],
        &["--variant", "large", "--all", "--dry-run"],
        &["--variant", "large", "--all", "--made-before", "30d"],
    ] {
        let said = reprocess(&app, arguments).await;
        assert!(said.is_success && !said.says("Nothing to do"), "{said:?}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_bound_is_under_way_and_a_run_that_broke_off_is_gone_on_with() {
    let app = TestApp::start().await;
    let worker = Worker::start(&app, &["thumbnail"], false);
    ready(&app, 1).await;
    worker.stop().await;
    app.database
        .execute(
            "INSERT INTO images (id, account_id, product_id, position, source_url, status, width, height, format, bytes, \
             variants) SELECT gen_random_uuid(), account_id, product_id, n, source_url, status, width, height, format, \
             bytes, variants FROM images, generate_series(1, 1499) AS n",
        )
        .await;
    // Nobody works, so the run waits at its bound, and is killed there.
    let run = || {
        let mut command = command(&app, &["--variant", "large"]);
        command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    };
    let mut running = run();
    let queue = app.broker.names().queue(Work::Backfill);
    let depth = async || app.broker.queue_depth(&queue).await.unwrap_or(0);
    eventually(PATIENCE, async || (depth().await == 1_000).then_some(())).await;
    running.kill().await.unwrap();
    let dry = reprocess(&app, &["--variant", "large", "--dry-run"]).await;
    assert!(dry.says("to be made again: 500\n"), "{dry:?}");
    assert_eq!(depth().await, 1_000);

    // The next one says what it waits for.
    let mut rest = run();
    let mut lines = BufReader::new(rest.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
    let waiting = "Waiting for other runs, for which 1000 pictures are under way; at most 1000 are in all.";
    assert_eq!(line.unwrap().as_deref(), Some(waiting));

    let worker = Worker::start(&app, &["thumbnail", "large"], false);
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push(line);
    }
    let has_made = said
        .iter()
        .any(|line| line.starts_with("Made again: 500; failed: 0;"));
    assert!(has_made && rest.wait().await.unwrap().success(), "{said:?}");
    eventually(PATIENCE, async || {
        let dry = reprocess(
            &app,
            &["--variant", "large", "--all", "--made-before", "30d", "--dry-run"],
        )
        .await;
        let left = reprocess(&app, &["--variant", "large", "--dry-run"]).await;
        (dry.says("to be made again: 0\n") && left.says("to be made again: 0\n") && depth().await == 0)
            .then_some(())
    })
    .await;
    worker.stop().await;
}

fn version(product: &Answer) -> i64 {
    product.body["version"].as_i64().unwrap()
}

fn names(image: &Value) -> Vec<&str> {
    let variants = image["variants"].as_array().unwrap();
    let mut names: Vec<_> = variants
        .iter()
        .map(|variant| variant["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A product whose pictures are all ready.
async fn ready(app: &TestApp, images: usize) -> Answer {
    let created = app.create("Mug", images).await;
    until(app, created.id(), |product| product["images_status"] == "ready").await
}

fn command(app: &TestApp, arguments: &[&str]) -> Command {
    commands::command(app, &["images", "reprocess"], arguments)
}

async fn reprocess(app: &TestApp, arguments: &[&str]) -> Said {
    said(command(app, arguments)).await
}

/// Answers jobs as a worker does, without a picture.
struct Worker {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Worker {
    /// One whose settings have these variants, or that fails whatever it is asked for.
    fn start(app: &TestApp, variants: &'static [&'static str], fails: bool) -> Self {
        let (stop, connected) = (CancellationToken::new(), CancellationToken::new());
        let broker = Broker::start(broker_config(app), connected.clone());
        let handler = Answering {
            publisher: broker.publisher(),
            variants,
            fails,
        };
        let stopping = stop.clone();
        let running = tokio::spawn(async move {
            let share = BackfillShare { at_once: 8, below: 8 };
            broker.consume_with_backfill(handler, 8, share, stopping).await;
            connected.cancel();
        });
        Self { stop, running }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

struct Answering {
    publisher: Publisher,
    variants: &'static [&'static str],
    fails: bool,
}

impl Answering {
    fn processed(&self, job: &ImageProcessV1) -> ImageResult {
        let variant = |name: &str, format: ImageFormat| Variant {
            name: name.to_owned(),
            format,
            width: 3,
            height: 4,
            bytes: 5,
            key: format!(
                "variants/{}/{}/{name}.{}",
                job.image_id,
                job.generation,
                format.extension()
            ),
        };
        let formats = [ImageFormat::Jpeg, ImageFormat::WebP];
        let variants = self.variants.iter();
        ImageResult::Processed(ImageProcessedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: 1,
            width: 3,
            height: 4,
            format: ImageFormat::Jpeg,
            bytes: 5,
            animated: false,
            original_key: None,
            placeholder: None,
            variants: variants
                .flat_map(|name| formats.map(|format| variant(name, format)))
                .collect(),
        })
    }
}

impl Handler<Job> for Answering {
    async fn handle(&self, delivery: &Delivery<Job>) -> Outcome {
        let Job::Process(job) = &delivery.message else {
            return Outcome::Done;
        };
        let answer = match self.fails {
            false => self.processed(job),
            true => ImageResult::Failed(ImageFailedV1 {
                product_id: job.product_id,
                image_id: job.image_id,
                generation: job.generation,
                attempt: 1,
                error: ImageError {
                    code: ImageErrorCode::DownloadFailed,
                    detail: "The source is away.".to_owned(),
                },
            }),
        };
        let published = self.publisher.publish(&delivery.envelope.answer(), &answer).await;
        published.map_or_else(
            |error| Outcome::Retry {
                reason: error.to_string(),
            },
            |()| Outcome::Done,
        )
    }

    async fn give_up(&self, _: &Delivery<Job>, _: &GiveUp) -> Result<(), PublishError> {
        Ok(())
    }
}
