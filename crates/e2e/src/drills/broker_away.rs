//! RabbitMQ is killed while products with pictures are created.

use std::time::{Duration, Instant};

use messages::Work;
use testkit::Service;
use tokio::time::sleep;

use super::{
    Share,
    figures::Figures,
    load::{Load, Sample, between},
    report::Finding,
    stage::{CALM, Stage, since},
};

const CREATES_PER_SECOND: u32 = 5;
const FIRST_BOUND: Duration = Duration::from_secs(15);
const ALL_BOUND: Duration = Duration::from_secs(60);

pub(super) async fn run(share: Share) -> Finding {
    let stage = Stage::prepare(&[]).await;
    let _workers = [stage.start_worker(&[]).await, stage.start_worker(&[]).await];
    let readiness = stage.watch_readiness();
    let load = Load::begin(CREATES_PER_SECOND, "/id", stage.creating());
    sleep(CALM).await;
    let killed = load.elapsed();
    stage.control.kill(Service::RabbitMq).await.unwrap();
    sleep(share.of(60)).await;
    stage.control.start(Service::RabbitMq).await.unwrap();
    let (returned, outage) = (Instant::now(), load.elapsed() - killed);
    let samples = load.end().await;
    let waiting = stage.unready().await;
    let first = since(returned, async || stage.unready().await < waiting).await;
    let all = since(returned, async || stage.unready().await == 0).await;
    let readiness = readiness.end().await;

    let during = Figures::of(between(&samples, killed, killed + outage));
    let mut finding = Finding::new("RabbitMQ killed, products created", outage, during);
    finding.recovered("first picture ready after", first, FIRST_BOUND);
    finding.recovered(&format!("all {waiting} after"), all, ALL_BOUND);
    let created = samples.iter().filter(|sample| sample.status == Some(201)).count();
    finding.require_equal("creates that succeeded", created, samples.len());
    let stored = stage.system.database.count("products").await;
    finding.require_equal(
        "products in the database",
        stored,
        i64::try_from(created).unwrap(),
    );

    let ready = readiness
        .iter()
        .filter(|sample| sample.status == Some(200))
        .count();
    finding.require_equal("looks that found an api ready", ready, readiness.len());
    let is_degraded = |sample: &&Sample| sample.word.as_deref() == Some("degraded");
    let degraded = readiness.iter().filter(is_degraded).count();
    finding.note(format!(
        "ready at all of {} looks, degraded at {degraded}",
        readiness.len()
    ));
    finding.require(degraded > 0, || "readiness never said that a part was away");

    let names = stage.system.broker.names();
    for queue in [
        names.queue(Work::Jobs),
        names.suspects_queue(Work::Jobs),
        names.dead(),
    ] {
        let depth = stage.depth(&queue).await;
        finding.require(depth == 0, || format!("{depth} messages are left in {queue}"));
    }
    finding
}
