//! The binary as a process.

use std::fs;

use domain::ImageFormat;
use messages::{ImageResult, Work};
use nix::sys::signal;
use testkit::{
    Binary, Mode, Proxy, Reply, Signal, TestBroker, TestBucket, eventually, free_port, pictures, services,
};

use crate::{
    place::{Place, children, send, variables},
    stage::DEADLINE,
};

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
    let told =
        ["the object store is away", "the object store is back"].map(|event| log.matches(event).count());
    // Not by each of the four. A call that was cut off late may still speak of the absence when a look has found its end.
    assert!(told[0] == told[1] && (1..4).contains(&told[0]), "{told:?}: {log}");
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
        // One that stands still does not see that its connection is closed.
        send(&renderers[0], signal::Signal::SIGSTOP);
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

#[tokio::test]
async fn a_variants_own_quality_is_that_of_its_file() {
    let place = Place::make().await;
    let answers = place.collect();
    let variants = "[{name: plain, longest_edge: 400}, \
                    {name: coarse, longest_edge: 400, jpeg: {quality: 20}, webp: {quality: 20}}]";
    let _worker = place.start_worker(&[("PMS__IMAGES__VARIANTS", variants)]).await;
    let photograph = fs::read(pictures::photograph_small()).unwrap();
    let url = place.origin.serve("/a.jpg", Reply::jpeg(photograph));
    let image_id = place.ask_for_url(url).await;
    let ImageResult::Processed(processed) = answers.last(image_id).await else {
        panic!("it is a good picture");
    };
    let bytes = |name: &str, format: ImageFormat| {
        let mut variants = processed.variants.iter();
        let found = variants.find(|variant| variant.name == name && variant.format == format);
        found.unwrap().bytes
    };
    for format in [ImageFormat::Jpeg, ImageFormat::WebP] {
        let (plain, coarse) = (bytes("plain", format), bytes("coarse", format));
        assert!(coarse * 3 < plain * 2, "{format}: {coarse} and {plain} bytes");
    }
}

#[tokio::test]
async fn originals_are_not_kept_where_the_operator_does_not_want_them() {
    let place = Place::make().await;
    let answers = place.collect();
    let _worker = place
        .start_worker(&[("PMS__IMAGES__KEEP_ORIGINALS", "false")])
        .await;
    let url = place
        .origin
        .serve("/a.png", Reply::png(pictures::png(60, 40, [9, 9, 9])));
    let image_id = place.ask_for_url(url).await;
    let ImageResult::Processed(processed) = answers.last(image_id).await else {
        panic!("it is a good picture");
    };
    assert_eq!(processed.original_key, None);
    assert!(!place.bucket.keys("variants/").await.is_empty());
    assert_eq!(place.bucket.keys("originals/").await, Vec::<String>::new());
}
