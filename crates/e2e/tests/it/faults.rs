//! Processes that die at the worst moment.

use e2e::{PATIENCE, System};
use messages::Work;
use testkit::{Mode, Proxy, Reply, Signal, eventually, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_after_the_commit_and_before_the_publish_loses_no_picture() {
    let system = System::prepare().await;
    let line = Proxy::start(format!("{}:{}", system.broker.host, system.broker.port)).await;
    line.set(Mode::Cut);
    let cut = [("PMS__RABBITMQ__PORT", line.address().port().to_string())];
    let mut api = system.start_api_with(&cut).await;
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(64, 48, [200, 30, 30])));
    let created = system.create("Mug", &[source.clone(), source]).await;
    assert_eq!(
        system.database.count("outbox").await,
        2,
        "committed, and not published"
    );
    api.signal(Signal::Kill);
    api.wait_for_exit(PATIENCE).await;

    let (_api, _worker) = (system.start_api().await, system.start_worker());
    assert_eq!(system.settled(&created).await["images_status"], "ready");
    // What is for the cache waits there for a moment longer.
    eventually(PATIENCE, async || {
        (system.database.count("outbox").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_mid_job_loses_no_picture() {
    let system = System::prepare().await;
    let (_api, mut worker) = (system.start_api().await, system.start_worker());
    let photograph = std::fs::read(pictures::photograph_small()).unwrap();
    let slow = Reply::Slow {
        content_type: "image/jpeg".to_owned(),
        bytes_per_second: photograph.len() / 3,
        body: photograph.into(),
    };
    let source = system.origin.serve("/slow.jpg", slow);
    let created = system.create("Dandelions", &[source]).await;
    system.begun(&created).await;
    worker.signal(Signal::Kill);
    worker.wait_for_exit(PATIENCE).await;
    assert_eq!(
        system.product(created["id"].as_str().unwrap()).await["images_status"],
        "processing"
    );

    let _another = system.start_worker();
    let ready = system.settled(&created).await;
    assert_eq!(ready["images_status"], "ready");
    assert_eq!(system.origin.hits("/slow.jpg"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_while_results_come_in_applies_them_once_after_its_return() {
    let system = System::prepare().await;
    let mut api = system.start_api().await;
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(64, 48, [200, 30, 30])));
    let created = system.create("Mug", &vec![source; 10]).await;
    let jobs = system.broker.names().queue(Work::Jobs);
    eventually(PATIENCE, async || {
        (system.broker.queue_depth(&jobs).await == Some(10)).then_some(())
    })
    .await;
    api.signal(Signal::Kill);
    api.wait_for_exit(PATIENCE).await;

    let _worker = system.start_worker();
    let results = system.broker.names().queue(Work::Results);
    // Two for each picture: started, and processed.
    eventually(PATIENCE, async || {
        (system.broker.queue_depth(&results).await == Some(20)).then_some(())
    })
    .await;
    let mut api = system.start_api().await;
    api.signal(Signal::Kill);
    api.wait_for_exit(PATIENCE).await;
    let _api = system.start_api().await;
    let ready = system.settled(&created).await;
    assert_eq!(ready["images_status"], "ready");
    // However often a result came: each picture changed once or twice, as `started` came before or behind `processed`.
    let version = ready["version"].as_u64().unwrap();
    assert!((11..=21).contains(&version), "{version}");
    eventually(PATIENCE, async || {
        (system.broker.queue_depth(&results).await == Some(0)).then_some(())
    })
    .await;
    assert_eq!(
        system.product(created["id"].as_str().unwrap()).await["version"],
        version
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_recovers_is_tried_again_until_it_does() {
    let system = System::prepare().await;
    let (_api, _worker) = (system.start_api().await, system.start_worker());
    let picture = Reply::png(pictures::png(64, 48, [200, 30, 30]));
    let source = system.origin.serve("/a.png", picture.after_failures(2, 503));
    let created = system.create("Mug", &[source]).await;
    let ready = system.settled(&created).await;
    assert_eq!(ready["images_status"], "ready");
    assert_eq!(ready["images"][0]["attempts"], 3);
    assert_eq!(system.origin.hits("/a.png"), 3);
}
