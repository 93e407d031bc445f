//! The whole way, with nothing going wrong.

use e2e::{PATIENCE, System};
use reqwest::Method;
use serde_json::Value;
use testkit::{Reply, Signal, eventually, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_becomes_ready_upright_and_stored_as_the_product_says() {
    let system = System::prepare().await;
    let (mut api, mut worker) = (system.start_api().await, system.start_worker());
    let photograph = std::fs::read(pictures::photograph_rotated()).unwrap();
    let bytes = photograph.len();
    let source = system.origin.serve("/photograph.jpg", Reply::jpeg(photograph));
    let created = system.create("Dandelions", &[source]).await;
    assert_eq!(created["images_status"], "pending");

    let ready = system.settled(&created).await;
    assert_eq!(ready["images_status"], "ready");
    let image = &ready["images"][0];
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        (number(&image["width"]), number(&image["height"])),
        (4032, 2976),
        "upright"
    );
    assert_eq!(
        (number(&image["bytes"]), image["format"].as_str()),
        (bytes as u64, Some("jpeg"))
    );

    let variants = image["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 6);
    let base = format!("/{}/", system.bucket.name());
    for variant in variants {
        let url = variant["url"].as_str().unwrap();
        let key = url.split_once(&base).unwrap().1;
        let object = system.bucket.object(key).await.unwrap();
        assert_eq!(object.bytes.len() as u64, number(&variant["bytes"]), "{url}");
        assert_eq!(
            object.content_type,
            Some(format!("image/{}", variant["format"].as_str().unwrap()))
        );
        assert_eq!(
            object.cache_control.as_deref(),
            Some("public, max-age=31536000, immutable")
        );
        let picture = image::load_from_memory(&object.bytes).unwrap();
        let size = (u64::from(picture.width()), u64::from(picture.height()));
        assert_eq!(
            size,
            (number(&variant["width"]), number(&variant["height"])),
            "{url}"
        );
        // The sun stands above the meadow: the upper half is the brighter one.
        let luma = picture.into_luma8();
        let half = luma.as_raw().len() / 2;
        let sum = |part: &[u8]| part.iter().map(|value| u64::from(*value)).sum::<u64>();
        assert!(
            sum(&luma.as_raw()[..half]) > sum(&luma.as_raw()[half..]),
            "{url} is not upright"
        );
    }

    api.signal(Signal::Term);
    worker.signal(Signal::Term);
    assert!(api.wait_for_exit(PATIENCE).await.success());
    assert!(worker.wait_for_exit(PATIENCE).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_can_be_followed_through_both_logs() {
    let system = System::prepare().await;
    let (api, mut worker) = (system.start_api().await, system.start_worker());
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(64, 48, [200, 30, 30])));
    let body =
        serde_json::json!({"name": "Mug", "price": {"amount": "5"}, "images": [{"source_url": source}]});
    let client = testkit::http_client();
    let request = client
        .post(system.url("/api/v1/products"))
        .header("x-request-id", "order-7")
        .json(&body);
    let created: Value = request.send().await.unwrap().json().await.unwrap();
    system.settled(&created).await;

    let about = |log: String| -> Vec<Value> {
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["request_id"] == "order-7").collect()
    };
    let request = about(api.log())
        .into_iter()
        .find(|line| line["message"] == "request")
        .unwrap();
    for (field, expected) in [("method", "POST"), ("route", "/api/v1/products")] {
        assert_eq!(request[field], expected);
    }
    assert_eq!(request["status"], 201);
    assert!(
        request["duration_ms"].is_number() && request["bytes"].is_number() && request["account"].is_string()
    );

    worker.wait_for_line("job done", PATIENCE).await;
    let image = created["images"][0]["id"].clone();
    for step in ["fetched", "decoded", "resized", "encoded", "uploaded"] {
        let line = about(worker.log())
            .into_iter()
            .find(|line| line["message"] == step);
        let line = line.unwrap_or_else(|| panic!("no line says {step}"));
        assert_eq!(line["image_id"], image, "{step}");
        assert!(line["duration_ms"].is_number(), "{step}");
    }
    assert!(
        about(api.log())
            .iter()
            .any(|line| line["message"] == "result applied"),
        "the answer carries it back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_bucket_of_a_deleted_product() {
    let system = System::prepare().await;
    let (_api, _worker) = (system.start_api().await, system.start_worker());
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(64, 48, [200, 30, 30])));
    let created = system.create("Mug", &[source.clone(), source]).await;
    system.settled(&created).await;
    assert_eq!(system.bucket.keys("variants/").await.len(), 12);
    let path = format!("/api/v1/products/{}", created["id"].as_str().unwrap());
    assert_eq!(system.send(Method::DELETE, &path).await.0, 204);
    eventually(PATIENCE, async || {
        system.bucket.keys("").await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_told_to_stop_ends_well_every_time() {
    let system = System::prepare().await;
    for round in 0..10 {
        let mut api = system.start_api().await;
        api.signal(Signal::Term);
        let ended = api.wait_for_exit(PATIENCE).await;
        assert!(ended.success(), "round {round}: {ended}, {}", api.log());
    }
}
