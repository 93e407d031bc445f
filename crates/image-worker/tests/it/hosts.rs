//! Hosts that do not answer, and those beside them.

use domain::ImageErrorCode::{BlockedAddress, DownloadFailed};
use image_worker::fetch::Fetcher;
use testkit::{Mode, Origin, Proxy, Reply, eventually};

use crate::stage::{DEADLINE, failure_of, local_fetcher, verdict};

/// Fetches until no request is made any more.
async fn fetch_until_left_alone(fetcher: &Fetcher, url: &str) {
    eventually(DEADLINE, || async {
        let failure = failure_of(fetcher.fetch(url).await);
        assert!(failure.is_passing, "{failure:?}");
        failure.detail.contains("is not answering").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_host_that_keeps_failing_is_left_alone_for_a_while_and_no_other() {
    let (bad, good) = (Origin::start().await, Origin::start().await);
    let failing = bad.serve("/a.png", Reply::Status(503));
    let beside = bad.serve("/b.png", Reply::png("beside"));
    let fine = good.serve("/a.png", Reply::png("fine"));
    let fetcher = local_fetcher();
    fetch_until_left_alone(&fetcher, &failing).await;

    let before = bad.hits("/a.png");
    assert!(before >= 8, "{before}");
    for url in [&failing, &beside] {
        assert_eq!(verdict(fetcher.fetch(url).await), (DownloadFailed, true));
    }
    assert_eq!((bad.hits("/a.png"), bad.hits("/b.png")), (before, 0));
    assert_eq!(fetcher.fetch(&fine).await.unwrap().bytes, "fine");

    // It is found again without anybody's help.
    bad.serve("/a.png", Reply::png("healed"));
    eventually(DEADLINE, || async { fetcher.fetch(&failing).await.ok() }).await;
    assert_eq!(fetcher.fetch(&beside).await.unwrap().bytes, "beside");
}

#[tokio::test]
async fn a_host_that_cannot_be_connected_to_is_left_alone() {
    let origin = Origin::start().await;
    origin.serve("/a.png", Reply::png("there"));
    let line = Proxy::start(origin.address().to_string()).await;
    let url = format!("http://{}/a.png", line.address());
    let fetcher = local_fetcher();
    line.set(Mode::Cut);
    fetch_until_left_alone(&fetcher, &url).await;
    let before = line.turned_away();
    verdict(fetcher.fetch(&url).await);
    assert_eq!(line.turned_away(), before);
    line.set(Mode::Pass);
    eventually(DEADLINE, || async { fetcher.fetch(&url).await.ok() }).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_picture_is_not_held_against_its_host() {
    let origin = Origin::start().await;
    let missing = origin.url("/missing.png");
    let busy = origin.serve("/busy.png", Reply::Status(429));
    let elsewhere = origin.serve("/elsewhere.png", Reply::redirect("http://10.0.0.1/a.png"));
    let fetcher = local_fetcher();
    for _ in 0..12 {
        for (url, expected) in [
            (&missing, (DownloadFailed, false)),
            (&busy, (DownloadFailed, true)),
            (&elsewhere, (BlockedAddress, false)),
        ] {
            assert_eq!(verdict(fetcher.fetch(url).await), expected, "{url}");
        }
    }
    assert_eq!(origin.hits("/busy.png"), 12);
    let good = origin.serve("/good.png", Reply::png("good"));
    assert_eq!(fetcher.fetch(&good).await.unwrap().bytes, "good");
}
