use std::time::{Duration, Instant};

use bytes::Bytes;
use testkit::{Origin, Reply, http_client};

#[tokio::test]
async fn paths_answer_as_they_were_told() {
    let origin = Origin::start().await;
    let client = http_client();
    let picture = origin.serve("/a.png", Reply::png(testkit::pictures::png(2, 2, [9, 9, 9])));
    let answer = client.get(&picture).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert!(answer.bytes().await.unwrap().starts_with(b"\x89PNG"));

    let away = origin.serve("/away", Reply::redirect("http://169.254.169.254/latest"));
    let answer = client.get(away).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "http://169.254.169.254/latest");

    assert_eq!(
        client.get(origin.url("/nothing")).send().await.unwrap().status(),
        404
    );
    assert_eq!(
        (
            origin.hits("/a.png"),
            origin.hits("/nothing"),
            origin.hits("/else")
        ),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_path_can_fail_a_few_times_first() {
    let origin = Origin::start().await;
    let client = http_client();
    let url = origin.serve("/a", Reply::html().after_failures(2, 503));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get(&url).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [503, 503, 200, 200]);
}

#[tokio::test]
async fn bodies_can_be_slow_endless_or_cut_short() {
    let origin = Origin::start().await;
    let client = http_client();
    let slow = Reply::Slow {
        content_type: "image/jpeg".to_owned(),
        body: Bytes::from_static(&[1; 100]),
        bytes_per_second: 200,
    };
    let start = Instant::now();
    let body = client
        .get(origin.serve("/slow", slow))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(body.len(), 100);
    assert!(
        start.elapsed() > Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );

    let endless = Reply::Endless {
        content_type: "image/jpeg".to_owned(),
        start: Bytes::from_static(b"\xff\xd8"),
    };
    let mut answer = client
        .get(origin.serve("/endless", endless))
        .send()
        .await
        .unwrap();
    let mut seen = 0;
    while seen < 1_000_000 {
        seen += answer.chunk().await.unwrap().unwrap().len();
    }

    let cut = Reply::CutShort {
        content_type: "image/jpeg".to_owned(),
        body: Bytes::from_static(b"half"),
        announced: 8,
    };
    let answer = client.get(origin.serve("/cut", cut)).send().await.unwrap();
    assert!(answer.bytes().await.is_err());
    assert!(
        client
            .get(origin.serve("/gone", Reply::HangUp))
            .send()
            .await
            .is_err()
    );
}
