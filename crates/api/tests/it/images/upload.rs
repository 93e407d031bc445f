use std::time::Duration;

use messages::{ImageSource, Job, Message as _, Work};
use serde_json::{Value, json};
use testkit::pictures;

use super::{Bench, Part, by_address, png};

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_is_stored_as_it_came_and_its_picture_made_from_there() {
    let bench = Bench::start().await;
    let product = bench.app.create("Mug", 0).await;
    bench.app.add_image(product.id(), &[], &by_address("a")).await;
    // Longer than what is held in memory at a time, and called a text.
    let photograph = std::fs::read(pictures::photograph_rotated()).unwrap();
    let parts: [(&str, &[u8]); 3] = [
        ("alt", " From above ".as_bytes()),
        ("file", &photograph),
        ("position", b"0"),
    ];
    let added = bench.app.upload(product.id(), &[], &parts).await;
    assert_eq!(
        (added.status, added.header("etag")),
        (201, "\"3\""),
        "{}",
        added.text
    );
    assert_eq!(
        (
            &added.body["alt"],
            &added.body["position"],
            &added.body["source_url"],
            &added.body["status"]
        ),
        (&json!("From above"), &json!(0), &Value::Null, &json!("pending"))
    );
    assert_eq!(bench.app.get(added.header("location")).await.body, added.body);
    assert_eq!(
        bench.app.product(product.id()).await.body["images"][0],
        added.body
    );

    let key = format!("originals/{}/1", added.id());
    assert_eq!(bench.bucket.keys("").await, [key.as_str()]);
    let object = bench.bucket.object(&key).await.unwrap();
    assert!(object.bytes == photograph, "{} bytes", object.bytes.len());
    assert_eq!(object.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(object.cache_control.as_deref(), Some("private"));

    let queue = bench.app.broker.names().queue(Work::Jobs);
    let mut sources = Vec::new();
    for _ in 0..2 {
        let message = bench.app.broker.take(&queue, Duration::from_secs(15)).await;
        match Job::decode(&message.type_name, &message.body).unwrap() {
            Job::Process(job) => sources.push(job.source),
            other => panic!("{other:?}"),
        }
    }
    assert!(sources.contains(&ImageSource::Object { key }), "{sources:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_upload_answers_as_the_first_did_and_stores_nothing_more() {
    let bench = Bench::start().await;
    let product = bench.app.create("Mug", 19).await;
    let key = [("idempotency-key", "photo-1")];
    let (file, other) = (png(), pictures::png(64, 48, [0, 0, 200]));
    let first = bench.app.upload(product.id(), &key, &[("file", &file)]).await;
    // The product is full by now, but this is no new request.
    let again = bench.app.upload(product.id(), &key, &[("file", &file)]).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text);
    assert_eq!(
        (&first.body, again.header("idempotency-replayed")),
        (&again.body, "true")
    );
    let others: [&[Part<'_>]; 2] = [&[("file", &other)], &[("file", &file), ("alt", b"x")]];
    for parts in others {
        let reused = bench.app.upload(product.id(), &key, parts).await;
        assert_eq!(
            (reused.status, &reused.body["code"]),
            (422, &json!("idempotency_key_reused"))
        );
    }
    let reused = bench.app.add_image(product.id(), &key, &by_address("a")).await;
    assert_eq!(reused.status, 422);
    assert_eq!(bench.bucket.keys("").await.len(), 1);
    assert_eq!(
        bench.app.images(product.id()).await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
}
