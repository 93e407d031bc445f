//! Redis stands still, with its connections open, while products are read.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::Service;
use tokio::time::sleep;

use super::{
    Share,
    figures::Figures,
    load::{Load, between},
    report::Finding,
    stage::{Api, CALM, Stage, since},
};

const READS_PER_SECOND: u32 = 200;
/// The longest that any read may take while Redis hangs: its response timeout with room for a busy machine.
const READ_BOUND: Duration = Duration::from_secs(3);
const RECOVERY_BOUND: Duration = Duration::from_secs(10);

pub(super) async fn run(share: Share) -> Finding {
    let stage = Stage::prepare(&[]).await;
    let products = stage.create_products(51).await;
    let (witness, read) = products.split_last().unwrap();
    for api in &stage.apis {
        since(Instant::now(), async || is_caching(&stage, api, witness).await).await;
    }

    let load = Load::begin(READS_PER_SECOND, "/id", stage.reading(read));
    sleep(CALM).await;
    let frozen = load.elapsed();
    stage.control.freeze(Service::Redis).await.unwrap();
    sleep(share.of(20)).await;
    let thawing = load.elapsed();
    stage.control.thaw(Service::Redis).await.unwrap();
    let thawed = Instant::now();
    let [one, other] = [0, 1].map(|index| {
        let (stage, api) = (&stage, &stage.apis[index]);
        since(thawed, async move || is_caching(stage, api, witness).await)
    });
    let (one, other) = tokio::join!(one, other);
    let recovered = load.elapsed();
    sleep(CALM).await;
    let samples = load.end().await;

    let during = Figures::of(between(&samples, frozen, recovered));
    let before = Figures::of(between(&samples, Duration::ZERO, frozen));
    let after = Figures::of(between(&samples, recovered, Duration::MAX));
    let mut finding = Finding::new("Redis frozen, products read", thawing - frozen, during.clone());
    for (index, took) in [one, other].into_iter().enumerate() {
        finding.recovered(
            &format!("cache of api {index} in use after"),
            took,
            RECOVERY_BOUND,
        );
    }
    finding.note(format!("before {before}, after {after}"));
    finding.require_equal(
        "reads that failed",
        [&before, &during, &after].map(Figures::failures).iter().sum(),
        0,
    );
    let longest = during.percentile(100);
    finding.require(longest <= READ_BOUND, || format!("a read took {longest:?}"));
    finding
}

/// Changes a product behind the program's back: whoever answers with the name from before has it from the cache.
async fn is_caching(stage: &Stage, api: &Api, witness: &str) -> bool {
    let name = format!("seen at {:?}", Instant::now());
    let statement = format!("UPDATE products SET name = '{name}' WHERE id = '{witness}'");
    stage.system.database.execute(&statement).await;
    let url = api.url(&format!("/api/v1/products/{witness}"));
    let response = stage.client.get(url).send().await.unwrap();
    let product: Value = response.json().await.unwrap();
    product["id"] == witness && product["name"] != name
}
