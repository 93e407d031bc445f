//! What people name as a picture.

use e2e::{PATIENCE, System};
use serde_json::Value;
use testkit::{Reply, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_source_fails_with_its_reason_and_the_worker_goes_on() {
    let system = System::prepare().await;
    let limit = [("PMS__IMAGES__MAX_BYTES", "4MiB".to_owned())];
    let (_api, mut worker) = (system.start_api().await, system.start_worker_with(&limit));
    let origin = &system.origin;
    let picture = pictures::png(64, 48, [200, 30, 30]);
    let sources = [
        (
            origin.serve("/page.jpg", Reply::html()),
            Some("unsupported_format"),
        ),
        (
            origin.serve("/huge.png", Reply::png(pictures::png_announcing(60_000, 60_000))),
            Some("too_many_pixels"),
        ),
        (
            origin.serve(
                "/huge.jpg",
                Reply::jpeg(pictures::jpeg_announcing(60_000, 60_000)),
            ),
            Some("too_many_pixels"),
        ),
        (
            origin.serve(
                "/endless",
                Reply::Endless {
                    content_type: "image/png".to_owned(),
                    start: picture.clone().into(),
                },
            ),
            Some("too_large"),
        ),
        (
            origin.serve(
                "/inside",
                Reply::redirect("http://169.254.169.254/latest/meta-data"),
            ),
            Some("blocked_address"),
        ),
        ("http://10.0.0.1/a.jpg".to_owned(), Some("blocked_address")),
        (
            "http://[::ffff:10.0.0.1]/a.jpg".to_owned(),
            Some("blocked_address"),
        ),
        (origin.serve("/gone", Reply::Status(404)), Some("download_failed")),
        (
            origin.serve("/half.png", Reply::png(pictures::truncated(picture.clone()))),
            Some("corrupt_image"),
        ),
        (origin.serve("/good.png", Reply::png(picture)), None),
    ];
    let urls: Vec<String> = sources.iter().map(|(url, _)| url.clone()).collect();
    let created = system.create("Mug", &urls).await;
    let settled = system.settled(&created).await;
    assert_eq!(settled["images_status"], "partial");
    for (image, (url, expected)) in settled["images"].as_array().unwrap().iter().zip(&sources) {
        let expected = expected.map_or(Value::Null, Value::from);
        assert_eq!(image["error"]["code"], expected, "{url}: {}", image["error"]);
        assert_eq!(
            image["status"],
            if expected.is_null() { "ready" } else { "failed" },
            "{url}"
        );
        if !expected.is_null() {
            assert!(
                image["error"]["detail"].as_str().unwrap().len() > 20,
                "{url}: {}",
                image["error"]
            );
            assert_eq!(
                image["attempts"], 1,
                "{url}: what cannot succeed is not tried again"
            );
        }
    }
    // The same process, still at work.
    let again = system.create("Mug", &[origin.url("/good.png")]).await;
    assert_eq!(system.settled(&again).await["images_status"], "ready");
    worker.wait_for_line("job done", PATIENCE).await;
}
