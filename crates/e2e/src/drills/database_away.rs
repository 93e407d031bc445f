//! PostgreSQL is killed while products are read and written.

use std::time::{Duration, Instant};

use testkit::Service;
use tokio::time::sleep;

use super::{
    Share,
    figures::Figures,
    load::{Load, Sample, between},
    report::Finding,
    stage::{CALM, Stage, since},
};

const READS_PER_SECOND: u32 = 100;
const WRITES_PER_SECOND: u32 = 20;
const RECOVERY_BOUND: Duration = Duration::from_secs(5);

pub(super) async fn run(share: Share) -> Finding {
    let stage = Stage::prepare(&[]).await;
    let products = stage.create_products(20).await;
    let reads = Load::begin(READS_PER_SECOND, "/id", stage.reading(&products));
    let writes = Load::begin(WRITES_PER_SECOND, "/id", stage.creating());
    // By then every product that is read is in the cache.
    sleep(CALM).await;
    stage.control.kill(Service::Postgres).await.unwrap();
    let (killed, killed_for_reads) = (writes.elapsed(), reads.elapsed());
    sleep(share.of(15)).await;
    stage.control.start(Service::Postgres).await.unwrap();
    let (returned, back) = (Instant::now(), writes.elapsed());
    let [one, other] = [0, 1].map(|index| {
        let stage = &stage;
        since(returned, async move || {
            let answer = stage.create(index, &[]).send().await;
            answer.is_ok_and(|answer| answer.status() == 201)
        })
    });
    let (one, other) = tokio::join!(one, other);
    let outage = reads.elapsed() - killed_for_reads;
    sleep(CALM).await;
    let (reads, writes) = (reads.end().await, writes.end().await);

    let during = Figures::of(between(&writes, killed, back));
    let mut finding = Finding::new(
        "PostgreSQL killed, products written and read",
        back - killed,
        during,
    );
    for (index, took) in [one, other].into_iter().enumerate() {
        finding.recovered(&format!("api {index} writes after"), took, RECOVERY_BOUND);
    }
    let cached = Figures::of(between(&reads, killed_for_reads, killed_for_reads + outage));
    finding.note(format!("{} cached reads meanwhile, {cached} ms", cached.requests));
    let not_read = reads.iter().filter(|sample| sample.status != Some(200)).count();
    finding.require_equal("cached reads that failed", not_read, 0);

    let is_sound = |sample: &&Sample| match sample.status {
        Some(201) => true,
        Some(503) => sample.retry_after,
        _ => false,
    };
    let unsound: Vec<_> = writes.iter().filter(|sample| !is_sound(sample)).collect();
    finding.require(unsound.is_empty(), || {
        format!(
            "{} writes were neither 201 nor 503 with Retry-After, the first {:?}",
            unsound.len(),
            unsound[0]
        )
    });
    let healthy = |sample: &&Sample| sample.at < killed || sample.at > back + RECOVERY_BOUND;
    let refused = writes
        .iter()
        .filter(healthy)
        .filter(|sample| sample.status != Some(201));
    finding.require_equal("writes refused while PostgreSQL was there", refused.count(), 0);

    let acknowledged: Vec<_> = writes
        .iter()
        .filter(|sample| sample.status == Some(201))
        .collect();
    let list: Vec<_> = acknowledged
        .iter()
        .filter_map(|sample| Some(format!("'{}'", sample.word.as_ref()?)))
        .collect();
    let table = format!("products WHERE id IN ({})", list.join(","));
    let stored = stage.system.database.count(&table).await;
    finding.require_equal(
        "acknowledged products that are there",
        stored,
        i64::try_from(acknowledged.len()).unwrap(),
    );
    finding
}
