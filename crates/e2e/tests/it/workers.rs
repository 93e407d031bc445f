//! Workers beside each other.

use e2e::{PATIENCE, System};
use serde_json::Value;
use testkit::{Binary, Reply, eventually, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_two_hundred_pictures_and_do_each_once() {
    let system = System::prepare().await;
    let _api = system.start_api().await;
    let picture = pictures::png(64, 48, [200, 30, 30]);
    let mut products = Vec::new();
    for product in 0..10 {
        let sources: Vec<String> = (0..20)
            .map(|index| {
                system
                    .origin
                    .serve(&format!("/{product}/{index}.png"), Reply::png(picture.clone()))
            })
            .collect();
        products.push(system.create(&format!("Mug {product}"), &sources).await);
    }
    let workers = [system.start_worker(), system.start_worker()];
    for product in &products {
        assert_eq!(system.settled(product).await["images_status"], "ready");
    }
    for product in 0..10 {
        for index in 0..20 {
            assert_eq!(
                system.origin.hits(&format!("/{product}/{index}.png")),
                1,
                "picture {index} of product {product}"
            );
        }
    }
    // A worker tells of a job after its answer, so the last ones may be a moment behind.
    let done = eventually(PATIENCE, async || {
        let done = workers.each_ref().map(done);
        (done.iter().sum::<usize>() == 200).then_some(done)
    })
    .await;
    assert!(done.iter().all(|done| *done >= 20), "shared as {done:?}");
}

/// How many pictures a worker has processed.
fn done(worker: &Binary) -> usize {
    let log = worker.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == "job done" && line["outcome"] == "processed")
        .count()
}
