//! A shop changes its variants.

use e2e::{PATIENCE, System};
use serde_json::Value;
use testkit::{Binary, Reply, Signal, eventually, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_that_is_new_is_there_for_old_pictures_after_a_reprocess() {
    let system = System::prepare().await;
    let _api = system.start_api().await;
    let before = "[{name: thumbnail, longest_edge: 200}]".to_owned();
    let mut worker = system.start_worker_with(&[("PMS__IMAGES__VARIANTS", before)]);
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(640, 480, [200, 30, 30])));
    let created = system.create("Mug", &[source]).await;
    let ready = system.settled(&created).await;
    assert_eq!(names(&ready), ["thumbnail", "thumbnail"]);
    worker.signal(Signal::Term);
    assert!(worker.wait_for_exit(PATIENCE).await.success());

    let _worker = system.start_worker();
    let arguments = ["images", "reprocess", "--variant", "large"];
    let mut command = Binary::start("api", &arguments, system.settings());
    let ended = command.wait_for_exit(PATIENCE).await;
    assert!(ended.success(), "{}", command.log());
    let after = system.product(created["id"].as_str().unwrap()).await;
    assert!(names(&after).contains(&"large".to_owned()), "{after}");
    assert_eq!(after["images_status"], "ready");
    assert_eq!(
        after["version"].as_i64(),
        ready["version"].as_i64().map(|version| version + 1)
    );
    // What was shown before is stored for as long as pages may show it, and then what is shown now alone.
    let shown = [keys_of(&after, &system), keys_of(&ready, &system)].concat();
    assert_eq!(system.bucket.keys("variants/").await.len(), shown.len());
    system
        .database
        .execute("UPDATE outbox SET available_at = now() WHERE work = 'backfill'")
        .await;
    let keys = keys_of(&after, &system);
    eventually(PATIENCE, async || {
        let mut stored = system.bucket.keys("variants/").await;
        stored.sort();
        (stored == keys).then_some(())
    })
    .await;
}

fn names(product: &Value) -> Vec<String> {
    let variants = product["images"][0]["variants"].as_array().unwrap();
    variants
        .iter()
        .map(|variant| variant["name"].as_str().unwrap().to_owned())
        .collect()
}

fn keys_of(product: &Value, system: &System) -> Vec<String> {
    let base = format!("/{}/", system.bucket.name());
    let variants = product["images"][0]["variants"].as_array().unwrap();
    let mut keys: Vec<_> = variants
        .iter()
        .map(|variant| {
            variant["url"]
                .as_str()
                .unwrap()
                .split_once(&base)
                .unwrap()
                .1
                .to_owned()
        })
        .collect();
    keys.sort();
    keys
}
