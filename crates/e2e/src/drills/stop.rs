//! A worker in mid-job and an api in mid-request are told to end.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Reply, Signal, eventually, pictures};
use tokio::{net::TcpStream, task::JoinSet};

use super::{
    Share,
    figures::Figures,
    load::Sample,
    report::Finding,
    stage::{PATIENCE, Stage, since},
};

/// Requests that wait within the api when it is told to end.
const REQUESTS: usize = 8;
/// What the worker may take to end; its job takes longer.
const GRACE: Duration = Duration::from_secs(2);
/// What ending takes beyond the grace on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

pub(super) async fn run(_: Share) -> Finding {
    let mut stage = Stage::prepare(&[]).await;
    let (samples, api_ended, api_status) = stop_api(&mut stage).await;
    let mut finding = Finding::new(
        "SIGTERM to an api in mid-request and a worker in mid-job",
        api_ended,
        Figures::of(&samples),
    );
    let created = samples.iter().filter(|sample| sample.status == Some(201)).count();
    finding.require_equal("requests under way that were carried out", created, REQUESTS);
    finding.require(api_status == Some(0), || {
        format!("the api ended with {api_status:?}")
    });
    finding.recovered("api ended after", api_ended, SLACK);

    let (worker_ended, worker_status, product) = stop_worker(&stage).await;
    finding.recovered("worker ended after", worker_ended, GRACE + SLACK);
    finding.require(worker_status == Some(0), || {
        format!("the worker ended with {worker_status:?}")
    });
    let image = &product["images"][0];
    finding.require(image["status"] == "ready", || format!("the picture is {image}"));
    finding.note(format!(
        "the job was done elsewhere, at attempt {}",
        image["attempts"]
    ));
    finding.require(image["attempts"] == 1, || {
        format!("the stop has used up an attempt: {}", image["attempts"])
    });
    finding.require_equal(
        "times the picture was fetched",
        stage.system.origin.hits("/slow.png"),
        2,
    );
    finding.require_equal("dead letters", stage.dead_letters().await, 0);
    finding
}

/// Ends the first api while requests of it wait for a lock; these, how long it took, and its exit code.
async fn stop_api(stage: &mut Stage) -> (Vec<Sample>, Duration, Option<i32>) {
    let database = &stage.system.database;
    let lock = database.hold("LOCK TABLE products IN SHARE MODE").await;
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        // The first api, by whose number half of them would go.
        let request = stage.create(2 * number, &[]);
        requests.spawn(async move {
            let began = Instant::now();
            let answer = request.send().await.ok();
            Sample {
                at: Duration::ZERO,
                took: began.elapsed(),
                status: answer.map(|answer| answer.status().as_u16()),
                retry_after: false,
                word: None,
            }
        });
    }
    let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let expected = i64::try_from(REQUESTS).unwrap();
    since(Instant::now(), async || database.count(waiting).await == expected).await;

    let mut api = stage.apis.remove(0);
    api.process.signal(Signal::Term);
    let told = Instant::now();
    let address = api.address.trim_start_matches("http://");
    since(told, async || TcpStream::connect(address).await.is_err()).await;
    lock.release().await;
    let samples = requests.join_all().await;
    let status = api.process.wait_for_exit(PATIENCE).await;
    (samples, told.elapsed(), status.code())
}

/// Ends a worker whose job takes longer than its grace; how long it took, its exit code, and the product in the end.
async fn stop_worker(stage: &Stage) -> (Duration, Option<i32>, Value) {
    let picture = pictures::png(64, 48, [200, 30, 30]);
    let slow = Reply::Slow {
        content_type: "image/png".to_owned(),
        bytes_per_second: picture.len() / 8,
        body: picture.into(),
    };
    let origin = &stage.system.origin;
    let source = origin.serve("/slow.png", slow);
    let grace = [("PMS__SHUTDOWN__GRACE", format!("{}s", GRACE.as_secs()))];
    let mut worker = stage.start_worker(&grace).await;
    let created = stage.create(0, &[&source]).send().await.unwrap();
    let created: Value = created.json().await.unwrap();
    since(Instant::now(), async || origin.hits("/slow.png") == 1).await;

    let _another = stage.start_worker(&[]).await;
    worker.signal(Signal::Term);
    let told = Instant::now();
    let status = worker.wait_for_exit(PATIENCE).await;
    let took = told.elapsed();
    let id = created["id"].as_str().unwrap();
    let url = stage.apis[0].url(&format!("/api/v1/products/{id}"));
    let product = eventually(PATIENCE, async || {
        let product: Value = stage.client.get(&url).send().await.ok()?.json().await.ok()?;
        let has_ended = ["ready", "failed"]
            .iter()
            .any(|word| product["images_status"] == *word);
        has_ended.then_some(product)
    })
    .await;
    (took, status.code(), product)
}
