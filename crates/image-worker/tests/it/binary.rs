//! The binary as a process.

use std::{collections::HashMap, fs, time::Duration};

use broker::Broker;
use domain::{AccountId, ImageId, ProductId};
use messages::{Envelope, ImageProcessV1, ImageSource, Job, Work};
use testkit::{
    Binary, Mode, Origin, Proxy, Reply, Signal, TestBroker, TestBucket, eventually, free_port, pictures,
    services,
};

use tokio_util::sync::CancellationToken;

use crate::stage::{DEADLINE, broker_config};

fn variables(rabbit: &TestBroker, bucket: &TestBucket) -> HashMap<&'static str, String> {
    let services = services();
    HashMap::from([
        ("PMS__RABBITMQ__HOST", rabbit.host.clone()),
        ("PMS__RABBITMQ__PORT", rabbit.port.to_string()),
        ("PMS__RABBITMQ__USER", rabbit.user.clone()),
        ("PMS__RABBITMQ__PASSWORD", rabbit.password.clone()),
        ("PMS__RABBITMQ__VHOST", rabbit.vhost.clone()),
        ("PMS__RABBITMQ__PREFIX", rabbit.prefix().to_owned()),
        ("PMS__AWS__S3BUCKET", bucket.name().to_owned()),
        ("PMS__AWS__REGION", services.s3_region.clone()),
        ("PMS__AWS__ENDPOINT", services.s3_endpoint.clone()),
        ("PMS__AWS__ACCESS_KEY_ID", services.s3_access_key_id.clone()),
        (
            "PMS__AWS__SECRET_ACCESS_KEY",
            services.s3_secret_access_key.clone(),
        ),
        ("PMS__IMAGES__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
        ("PMS__LOGGING__FORMAT", "json".to_owned()),
    ])
}

/// A worker's surroundings, with a connection of the test's own.
struct Place {
    origin: Origin,
    broker: Broker,
    stop: CancellationToken,
    bucket: TestBucket,
    rabbit: TestBroker,
}

impl Place {
    async fn make() -> Self {
        let rabbit = TestBroker::create().await;
        let stop = CancellationToken::new();
        let config = broker_config(&rabbit, &[10, 60, 600].map(Duration::from_secs));
        Self {
            origin: Origin::start().await,
            broker: Broker::start(config, stop.clone()),
            stop,
            bucket: TestBucket::create().await,
            rabbit,
        }
    }

    async fn start_worker(&self, more: &[(&'static str, &str)]) -> Binary {
        let mut variables = variables(&self.rabbit, &self.bucket);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut worker = Binary::start("image-worker", &[], variables);
        worker.wait_for_line("taking jobs", DEADLINE).await;
        worker
    }

    async fn ask_for_url(&self, url: String) -> ImageId {
        let image_id = ImageId::generate();
        let job = Job::Process(ImageProcessV1 {
            account_id: AccountId::DEFAULT,
            product_id: ProductId::generate(),
            image_id,
            generation: 1,
            source: ImageSource::Url { url },
        });
        let envelope = Envelope::first(image_id.uuid(), Some("request-7".to_owned()), None);
        self.broker.publisher().publish(&envelope, &job).await.unwrap();
        image_id
    }

    /// Waits until so many messages are ready; nobody consumes the answers here.
    async fn ready(&self, work: Work, count: u32) {
        let queue = self.rabbit.names().queue(work);
        eventually(DEADLINE, || async {
            (self.rabbit.queue_depth(&queue).await == Some(count)).then_some(())
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before the queues go, lest somebody declares them anew.
        self.stop.cancel();
    }
}

#[tokio::test]
async fn it_logs_each_step_and_ends_when_it_is_told_to() {
    let place = Place::make().await;
    // The environment's proxies are not for sources. They are for S3, hence the exception.
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let mut worker = place
        .start_worker(&[
            ("http_proxy", &nowhere),
            ("ALL_PROXY", &nowhere),
            ("NO_PROXY", "127.0.0.1"),
        ])
        .await;
    let url = place
        .origin
        .serve("/a.png", Reply::png(pictures::png(400, 300, [9, 9, 9])));
    let image_id = place.ask_for_url(url.replace("127.0.0.1", "localhost")).await;
    // It was started, and it was processed.
    place.ready(Work::Results, 2).await;
    assert_eq!(place.bucket.keys("variants/").await.len(), 6);

    worker.signal(Signal::Term);
    assert_eq!(worker.wait_for_exit(DEADLINE).await.code(), Some(0));
    let log = worker.log();
    let id = image_id.to_string();
    for step in ["fetched", "decoded", "resized", "encoded", "uploaded", "job done"] {
        let line = log
            .lines()
            .find(|line| line.contains(&format!("\"message\":\"{step}\"")))
            .unwrap_or_else(|| panic!("no line says `{step}`"));
        for part in [
            id.as_str(),
            "\"duration_ms\":",
            "\"request_id\":\"request-7\"",
            "\"host\":\"localhost\"",
        ] {
            assert!(line.contains(part), "{line}");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_away_is_told_of_once_and_so_is_its_return() {
    let place = Place::make().await;
    let line = Proxy::start(services().s3_endpoint.trim_start_matches("http://")).await;
    let mut worker = place
        .start_worker(&[
            ("PMS__AWS__ENDPOINT", &format!("http://{}", line.address())),
            ("PMS__AWS__REQUEST_TIMEOUT", "20s"),
            ("PMS__WORKER__CONCURRENCY", "3"),
        ])
        .await;
    line.set(Mode::Cut);
    for path in ["/a.png", "/b.png", "/c.png", "/d.png"] {
        let reply = Reply::png(pictures::png(40, 30, [9, 9, 9]));
        place.ask_for_url(place.origin.serve(path, reply)).await;
    }
    eventually(DEADLINE, || async { (line.turned_away() >= 15).then_some(()) }).await;
    line.set(Mode::Pass);
    place.ready(Work::Results, 8).await;
    worker.signal(Signal::Term);
    assert_eq!(worker.wait_for_exit(DEADLINE).await.code(), Some(0));
    let log = worker.log();
    for event in ["the object store is away", "the object store is back"] {
        assert_eq!(log.matches(event).count(), 1, "{event}: {log}");
    }
}

#[tokio::test]
async fn it_finishes_what_is_under_way_before_it_ends() {
    let place = Place::make().await;
    let mut worker = place.start_worker(&[]).await;
    let slow = Reply::Slow {
        content_type: "image/png".to_owned(),
        body: pictures::png(40, 30, [9, 9, 9]).into(),
        bytes_per_second: 2_000,
    };
    place.ask_for_url(place.origin.serve("/a.png", slow)).await;
    eventually(DEADLINE, || async {
        (place.origin.hits("/a.png") == 1).then_some(())
    })
    .await;
    worker.signal(Signal::Int);
    assert_eq!(worker.wait_for_exit(DEADLINE).await.code(), Some(0));
    place.ready(Work::Results, 2).await;
    place.ready(Work::Jobs, 0).await;
}

#[tokio::test]
async fn what_outlives_the_grace_period_goes_back_to_the_queue() {
    let place = Place::make().await;
    let mut worker = place.start_worker(&[("PMS__SHUTDOWN__GRACE", "100ms")]).await;
    place.ask_for_url(place.origin.serve("/a.png", Reply::Hang)).await;
    eventually(DEADLINE, || async {
        (place.origin.hits("/a.png") == 1).then_some(())
    })
    .await;
    worker.signal(Signal::Term);
    assert_eq!(worker.wait_for_exit(DEADLINE).await.code(), Some(0));
    place.ready(Work::Jobs, 1).await;
}

#[tokio::test]
async fn it_does_not_start_without_what_it_needs_and_says_why() {
    let (rabbit, bucket) = (TestBroker::create().await, TestBucket::create().await);
    let port = free_port().to_string();
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "PMS__AWS__S3BUCKET",
            "no-such-bucket-anywhere",
            &["aws.s3bucket", "create the bucket"],
        ),
        (
            "PMS__AWS__ENDPOINT",
            &format!("http://127.0.0.1:{port}"),
            &["aws.endpoint"],
        ),
        (
            "PMS__RABBITMQ__PORT",
            &port,
            &["rabbitmq.host", "PMS__RABBITMQ__PORT"],
        ),
        ("PMS__RABBITMQ__PASSWORD", "wrong-password", &["rabbitmq.user"]),
        ("PMS__IMAGES__MAX_BITES", "5", &["PMS__IMAGES__MAX_BYTES"]),
    ];
    for (name, value, words) in cases {
        let mut variables = variables(&rabbit, &bucket);
        variables.insert(name, value.to_owned());
        let mut worker = Binary::start("image-worker", &[], variables);
        let status = worker.wait_for_exit(DEADLINE).await;
        let log = worker.log();
        assert_eq!(status.code(), Some(1), "{name}: {log}");
        for word in words {
            assert!(log.contains(word), "{name}: {log}");
        }
        let errors = log.lines().filter(|line| line.starts_with("image-worker: "));
        assert_eq!(errors.count(), 1, "{name}: {log}");
        assert!(!log.contains("wrong-password"), "{log}");
    }
}

/// The processes that a process has started and that have not ended.
fn children(pid: u32) -> Vec<String> {
    let is_child = |candidate: &String| {
        let stat = fs::read_to_string(format!("/proc/{candidate}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (fields.next(), fields.next());
        state != Some("Z") && parent == Some(&pid.to_string())
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(is_child)
        .collect()
}

#[tokio::test]
async fn it_tells_how_renderers_are_confined_and_they_do_not_outlive_it() {
    let place = Place::make().await;
    for end in [Signal::Kill, Signal::Term] {
        let mut worker = place.start_worker(&[]).await;
        let log = worker.log();
        let told = log
            .lines()
            .find(|line| line.contains("confined processes"))
            .unwrap();
        for measure in ["no files", "no TCP", "system calls", "bounded memory"] {
            assert!(told.contains(measure), "{told}");
        }
        let renderers = children(worker.pid());
        assert_eq!(renderers.len(), 1, "one is started before the first picture");
        worker.signal(end);
        worker.wait_for_exit(DEADLINE).await;
        eventually(DEADLINE, || async {
            let is_there = |renderer: &String| {
                let name = fs::read_to_string(format!("/proc/{renderer}/cmdline"));
                name.is_ok_and(|name| name.contains("render-child"))
            };
            (!renderers.iter().any(is_there)).then_some(())
        })
        .await;
    }
}
