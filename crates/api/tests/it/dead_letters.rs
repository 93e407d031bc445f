//! `api dead-letters`, as an operator sees it.

use std::time::Duration;

use broker::{Broker, DeadLetters, Delivery, GiveUp, Handler, Outcome, Outgoing, PublishError, Publisher};
use domain::{ImageError, ImageErrorCode};
use messages::{Envelope, ImageFailedV1, ImageProcessV1, ImagePurgeV1, ImageResult, Job, Message as _, Work};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::{
    app::TestApp,
    commands::{Said, command, said},
    results::{broker_config, until},
};

const PATIENCE: Duration = Duration::from_secs(15);
/// A generation that cannot be purged.
const STUBBORN: i32 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_failed_is_asked_for_again_by_a_replay() {
    let app = TestApp::start().await;
    let created = app.create("Mug", 1).await;
    let letters = letters_of(&app, 1).await;
    let failed = until(&app, created.id(), |product| product["images_status"] == "failed").await;

    let listed = dead_letters(&app, &["list"]).await;
    assert!(listed.is_success, "{listed:?}");
    assert!(
        listed.says("image.process.v1") && listed.says("the source is away"),
        "{listed:?}"
    );
    assert!(
        listed.says(&letters[0].to_string()) && listed.says("1 of 1 dead letters"),
        "{listed:?}"
    );

    let replayed = dead_letters(&app, &["replay", "--all"]).await;
    assert!(replayed.is_success && replayed.says("1 replayed"), "{replayed:?}");
    let pending = until(&app, created.id(), |product| {
        product["images_status"] == "pending"
    })
    .await;
    assert!(pending.body["version"].as_i64() > failed.body["version"].as_i64());
    let job = job_taken(&app).await;
    assert_eq!(job.generation, 2);
    assert_eq!(depth(&app, &app.broker.names().dead()).await, 0);
    let nothing = dead_letters(&app, &["replay", "--all"]).await;
    assert!(nothing.is_success && nothing.says("nothing to do"), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_whose_picture_needs_them_no_more_are_removed_and_counted() {
    let app = TestApp::start().await;
    let superseded = app.create("Mug", 1).await;
    let gone = app.create("Cup", 1).await;
    letters_of(&app, 2).await;
    for product in [&superseded, &gone] {
        until(&app, product.id(), |product| product["images_status"] == "failed").await;
    }
    let deleted = app.delete(gone.id(), &[]).await;
    assert_eq!(deleted.status, 204);
    let first = dead_letters(&app, &["replay", "--all"]).await;
    assert!(first.is_success && first.says("1 replayed, 1 gone"), "{first:?}");
    // The job of the first asking, buried once more.
    let job = job_taken(&app).await;
    let job = ImageProcessV1 { generation: 1, ..job };
    put(&app, "image.process.v1", &Job::Process(job).encode().unwrap()).await;
    letters_of(&app, 1).await;
    let second = dead_letters(&app, &["replay", "--all"]).await;
    assert!(second.is_success && second.says("1 superseded"), "{second:?}");
    assert_eq!(depth(&app, &app.broker.names().dead()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_goes_back_to_its_queue() {
    let app = TestApp::start().await;
    let purge = Job::Purge(ImagePurgeV1 {
        image_id: domain::ImageId::generate(),
        generation: Some(STUBBORN),
    });
    put(&app, "image.purge.v1", &purge.encode().unwrap()).await;
    letters_of(&app, 1).await;
    let replayed = dead_letters(&app, &["replay", "--reason", "AWAY"]).await;
    assert!(replayed.is_success && replayed.says("1 replayed"), "{replayed:?}");
    let again = app
        .broker
        .take(&app.broker.names().queue(Work::Jobs), PATIENCE)
        .await;
    assert_eq!(
        (again.type_name.as_str(), again.header("x-attempt").as_str()),
        ("image.purge.v1", "1")
    );
    assert_eq!(again.header("x-dead-reason"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_replayed_only_by_its_name() {
    let app = TestApp::start().await;
    put(&app, "image.process.v1", b"{\"half\":").await;
    letters_of(&app, 1).await;
    let kept = dead_letters(&app, &["replay", "--all"]).await;
    assert!(
        !kept.is_success && kept.says("1 kept") && kept.says("cannot be read"),
        "{kept:?}"
    );
    let listed = dead_letters(&app, &["list"]).await;
    let id = listed.text.split_whitespace().next().unwrap().to_owned();
    let shown = dead_letters(&app, &["show", &id]).await;
    assert!(
        shown.is_success && shown.says("{\"half\":") && shown.says("the message could not be read"),
        "{shown:?}"
    );
    let replayed = dead_letters(&app, &["replay", "--id", &id]).await;
    assert!(replayed.is_success && replayed.says("1 replayed"), "{replayed:?}");
    assert_eq!(depth(&app, &app.broker.names().dead()).await, 0);
    let again = app
        .broker
        .take(&app.broker.names().queue(Work::Jobs), PATIENCE)
        .await;
    assert_eq!(again.body, b"{\"half\":");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_meant_is_dropped() {
    let app = TestApp::start().await;
    app.create("Mug", 3).await;
    let letters = letters_of(&app, 3).await;
    let id = letters[1].to_string();
    let dropped = dead_letters(&app, &["drop", "--id", &id, "--id", "nobody"]).await;
    assert!(!dropped.is_success && dropped.says("1 dropped"), "{dropped:?}");
    assert!(dropped.says("No dead letter is called nobody."), "{dropped:?}");
    let listed = dead_letters(&app, &["list", "--limit", "1"]).await;
    assert!(
        listed.says("1 of 2 dead letters") && !listed.says(&id),
        "{listed:?}"
    );
    let none = dead_letters(&app, &["drop", "--reason", "no such reason"]).await;
    assert!(none.is_success && none.says("nothing to do"), "{none:?}");
    let all = dead_letters(&app, &["drop", "--all"]).await;
    assert!(all.is_success && all.says("2 dropped"), "{all:?}");
    assert_eq!(depth(&app, &app.broker.names().dead()).await, 0);
    let unmeant = dead_letters(&app, &["drop"]).await;
    assert!(!unmeant.is_success, "{unmeant:?}");
}

async fn dead_letters(app: &TestApp, arguments: &[&str]) -> Said {
    said(command(app, &["dead-letters"], arguments)).await
}

fn away() -> Outcome {
    let reason = "the source is away".to_owned();
    Outcome::Reject { reason }
}

/// Fails every job but purges of no interest, as a worker does in the end.
struct Failing(Publisher);

impl Handler<Job> for Failing {
    async fn handle(&self, delivery: &Delivery<Job>) -> Outcome {
        let job = match &delivery.message {
            Job::Process(job) => job,
            Job::Purge(purge) if purge.generation == Some(STUBBORN) => return away(),
            Job::Purge(_) | Job::PurgeOriginal(_) => return Outcome::Done,
        };
        let failed = ImageResult::Failed(ImageFailedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: 1,
            error: ImageError {
                code: ImageErrorCode::DownloadFailed,
                detail: "The source is away.".to_owned(),
            },
        });
        self.0
            .publish(&delivery.envelope.answer(), &failed)
            .await
            .unwrap();
        away()
    }

    async fn give_up(&self, _: &Delivery<Job>, _: &GiveUp) -> Result<(), PublishError> {
        Ok(())
    }
}

/// Has all jobs fail until so many letters are there; their names.
async fn letters_of(app: &TestApp, count: u32) -> Vec<uuid::Uuid> {
    let config = broker_config(app);
    let connected = CancellationToken::new();
    let broker = Broker::start(config.clone(), connected.clone());
    let stop = CancellationToken::new();
    let consuming = broker.consume(Failing(broker.publisher()), 1, stop.clone());
    let dead = app.broker.names().dead();
    let stopping = async {
        eventually(PATIENCE, async || {
            (depth(app, &dead).await == count).then_some(())
        })
        .await;
        stop.cancel();
    };
    tokio::join!(consuming, stopping);
    connected.cancel();
    let mut letters = DeadLetters::open(&config).await.unwrap();
    let mut ids = Vec::new();
    while let Some(letter) = letters.next().await.unwrap() {
        ids.extend(letter.message_id);
    }
    letters.close().await.unwrap();
    ids
}

/// The next job of a picture, taken off its queue; purges are passed over.
async fn job_taken(app: &TestApp) -> ImageProcessV1 {
    loop {
        let message = app
            .broker
            .take(&app.broker.names().queue(Work::Jobs), PATIENCE)
            .await;
        if let Job::Process(job) = Job::decode(&message.type_name, &message.body).unwrap() {
            return job;
        }
    }
}

/// Puts anything into the queue of jobs.
async fn put(app: &TestApp, type_name: &str, body: &[u8]) {
    let stop = CancellationToken::new();
    let broker = Broker::start(broker_config(app), stop.clone());
    let outgoing = Outgoing {
        work: Work::Jobs,
        type_name: type_name.to_owned(),
        envelope: Envelope::first(uuid::Uuid::now_v7(), None, None),
        body: body.to_owned(),
    };
    let answers = broker.publisher().publish_batch(&[outgoing]).await;
    answers.into_iter().collect::<Result<(), _>>().unwrap();
    stop.cancel();
}

async fn depth(app: &TestApp, queue: &str) -> u32 {
    app.broker.queue_depth(queue).await.unwrap_or(0)
}
