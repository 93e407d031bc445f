//! From the transaction to the queue.

use std::time::Duration;

use messages::{ImageSource, Job, Message as _, Work};

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_becomes_one_job_that_carries_the_request() {
    let app = TestApp::start().await;
    let body = serde_json::json!({"name": "Mug", "price": {"amount": "5"}, "images": [
        {"source_url": "https://example.com/a.jpg"}, {"source_url": "https://example.com/b.jpg"},
    ]});
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let created = app
        .post_with(&[("x-request-id", "order-7"), ("traceparent", trace)], body)
        .await;
    let queue = app.broker.names().queue(Work::Jobs);
    for image in created.body["images"].as_array().unwrap() {
        let message = app.broker.take(&queue, Duration::from_secs(10)).await;
        let job = Job::decode(&message.type_name, &message.body).unwrap();
        let Job::Process(job) = job else { panic!("{job:?}") };
        assert_eq!(job.image_id.to_string(), image["id"].as_str().unwrap());
        assert_eq!(job.product_id.to_string(), created.id());
        assert_eq!(job.generation, 1);
        assert_eq!(
            job.source,
            ImageSource::Url {
                url: image["source_url"].as_str().unwrap().to_owned()
            }
        );
        assert_eq!(message.header("x-request-id"), "order-7");
        assert_eq!(message.header("traceparent"), trace);
        assert_eq!(message.correlation_id, job.image_id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_in_the_outbox_until_the_broker_is_back() {
    let broker = testkit::TestBroker::create().await;
    let proxy = testkit::Proxy::start(format!("{}:{}", broker.host, broker.port)).await;
    proxy.set(testkit::Mode::Cut);
    let app = TestApp::start_with(&[("PMS__RABBITMQ__PORT", &proxy.address().port().to_string())]).await;
    let created = app.create("Mug", 3).await;
    assert_eq!(app.product(created.id()).await.body["images_status"], "pending");
    proxy.set(testkit::Mode::Pass);
    testkit::eventually(Duration::from_secs(30), async || {
        (app.jobs().await == 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_no_job_behind() {
    let mut app = TestApp::start().await;
    for _ in 0..10 {
        app.create("Mug", 2).await;
    }
    app.stop().await;
    let waiting = app.database.count("outbox").await;
    let published = i64::from(app.jobs().await);
    assert_eq!(
        waiting + published,
        20,
        "each job is in the outbox or in the queue"
    );
}
