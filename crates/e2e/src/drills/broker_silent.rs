//! RabbitMQ's port accepts and never answers, as behind a network that has forgotten its connections.

use std::time::{Duration, Instant};

use testkit::{Mode, Proxy, Reply, pictures, services};
use tokio::time::sleep;

use super::{
    Share,
    figures::Figures,
    load::{Load, between},
    report::Finding,
    stage::{CALM, Stage, since},
};

const CREATES_PER_SECOND: u32 = 2;
/// Jobs that lie in the queue when the line falls silent.
const BACKLOG: usize = 20;
const RESUMED_BOUND: Duration = Duration::from_secs(15);
const ALL_BOUND: Duration = Duration::from_secs(60);

pub(super) async fn run(share: Share) -> Finding {
    let url = services().amqp_url.parse::<reqwest::Url>().unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let (apis_line, workers_line) = (Proxy::start(&target).await, Proxy::start(&target).await);
    let port = |line: &Proxy| ("PMS__RABBITMQ__PORT", line.address().port().to_string());
    let stage = Stage::prepare(&[port(&apis_line)]).await;
    let one_at_a_time = [port(&workers_line), ("PMS__WORKER__CONCURRENCY", "1".to_owned())];
    let _worker = stage.start_worker(&one_at_a_time).await;

    // The worker is busy with the first of these when the silence begins; the others wait in the queue.
    let picture = pictures::png(64, 48, [30, 200, 30]);
    let slow = Reply::Slow {
        content_type: "image/png".to_owned(),
        bytes_per_second: picture.len() / 3,
        body: picture.into(),
    };
    let origin = &stage.system.origin;
    let source = origin.serve("/slow.png", slow);
    let created = stage.create(0, &[source.as_str(); BACKLOG]).send().await.unwrap();
    assert_eq!(created.status(), 201);
    since(Instant::now(), async || {
        stage.unpublished().await == 0 && origin.hits("/slow.png") > 0
    })
    .await;

    let readiness = stage.watch_readiness();
    let load = Load::begin(CREATES_PER_SECOND, "/id", stage.creating());
    sleep(CALM).await;
    for line in [&apis_line, &workers_line] {
        line.set(Mode::Silent);
    }
    let silent = load.elapsed();
    sleep(share.of(60)).await;
    let outage = load.elapsed() - silent;
    let samples = load.end().await;
    let unpublished = stage.unpublished().await;
    let (hits, ready) = (origin.hits("/slow.png"), stage.unready().await);
    // What comes from now on is done at once, so that the end is not far.
    origin.serve("/slow.png", Reply::png(pictures::png(64, 48, [30, 200, 30])));
    for line in [&apis_line, &workers_line] {
        line.set(Mode::Pass);
    }
    let returned = Instant::now();
    let (publishing, consuming, answered) = tokio::join!(
        since(returned, async || stage.unpublished().await < unpublished),
        since(returned, async || origin.hits("/slow.png") > hits),
        since(returned, async || stage.unready().await < ready),
    );
    let all = since(returned, async || stage.unready().await == 0).await;
    let readiness = readiness.end().await;

    let during = Figures::of(between(&samples, silent, silent + outage));
    let mut finding = Finding::new("RabbitMQ's port silent, products created", outage, during);
    finding.recovered("publishing after", publishing, RESUMED_BOUND);
    finding.recovered("taking jobs after", consuming, RESUMED_BOUND);
    finding.recovered("applying results after", answered, RESUMED_BOUND);
    finding.recovered("all pictures ready after", all, ALL_BOUND);
    finding.note(format!("{unpublished} jobs waited in the outbox"));
    finding.require(
        unpublished > 0,
        || "nothing waited in the outbox: the line was not silent",
    );
    let created = samples.iter().filter(|sample| sample.status == Some(201)).count();
    finding.require_equal("creates that succeeded", created, samples.len());
    let ready = readiness
        .iter()
        .filter(|sample| sample.status == Some(200))
        .count();
    finding.require_equal("looks that found an api ready", ready, readiness.len());
    finding.require_equal("dead letters", stage.dead_letters().await, 0);
    finding
}
