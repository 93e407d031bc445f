//! S3 is killed while pictures come in.

use std::time::{Duration, Instant};

use testkit::Service;
use tokio::time::sleep;

use super::{
    Share,
    figures::Figures,
    load::{Load, between},
    report::Finding,
    stage::{CALM, Stage, since},
};

const CREATES_PER_SECOND: u32 = 5;
const RECOVERY_BOUND: Duration = Duration::from_secs(60);

pub(super) async fn run(share: Share) -> Finding {
    let stage = Stage::prepare(&[]).await;
    let _workers = [stage.start_worker(&[]).await, stage.start_worker(&[]).await];
    let load = Load::begin(CREATES_PER_SECOND, "/id", stage.creating());
    sleep(CALM).await;
    let killed = load.elapsed();
    stage.control.kill(Service::S3).await.unwrap();
    sleep(share.of(20)).await;
    stage.control.start(Service::S3).await.unwrap();
    let (returned, outage) = (Instant::now(), load.elapsed() - killed);
    let samples = load.end().await;
    let waiting = stage.unready().await;
    let first = since(returned, async || stage.unready().await < waiting).await;
    // One that has failed will not become ready any more.
    let all = since(returned, async || stage.unready().await == stage.failed().await).await;

    let during = Figures::of(between(&samples, killed, killed + outage));
    let mut finding = Finding::new("S3 killed, pictures processed", outage, during);
    finding.recovered("first picture ready after", first, RECOVERY_BOUND);
    finding.recovered(&format!("all {waiting} after"), all, RECOVERY_BOUND);
    let created = samples.iter().filter(|sample| sample.status == Some(201)).count();
    finding.require_equal("creates that succeeded", created, samples.len());
    finding.require_equal("pictures that failed", stage.failed().await, 0);
    finding.require_equal("dead letters", stage.dead_letters().await, 0);
    let tried_again = stage.system.database.count("images WHERE attempts > 1").await;
    finding.note(format!("{tried_again} pictures needed more than one attempt"));
    finding
}
