//! What waits, and what goes on meanwhile.

use std::time::Duration;

use domain::ImageErrorCode::DownloadTimeout;
use futures_util::future::join_all;
use image_worker::fetch::{FetchError, FetchLimits, Fetcher, Lookup};
use messages::{ImageResult, Work};
use testkit::{Gate, Origin, Reply, eventually, pictures};
use tokio_util::sync::CancellationToken;

use crate::{
    place::Place,
    stage::{DEADLINE, HERE, LIMITS, fetcher, hop_guard, verdict},
};

fn png() -> Reply {
    Reply::png(pictures::png(40, 30, [9, 9, 9]))
}

#[tokio::test]
async fn a_picture_is_done_while_others_wait_for_their_sources() {
    let place = Place::make().await;
    let answers = place.collect();
    let _worker = place.start_worker(&[("PMS__WORKER__CONCURRENCY", "1")]).await;
    let gate = Gate::closed();
    let mut waiting = Vec::new();
    for path in ["/a.png", "/b.png", "/c.png"] {
        waiting.push(
            place
                .ask_for_url(place.origin.serve(path, png().behind(&gate)))
                .await,
        );
        eventually(DEADLINE, || async {
            (place.origin.hits(path) == 1).then_some(())
        })
        .await;
    }
    let elsewhere = Origin::start().await;
    let good = place.ask_for_url(elsewhere.serve("/good.png", png())).await;
    let done = answers.last(good).await;
    assert!(matches!(done, ImageResult::Processed(_)), "{done:?}");
    for image_id in &waiting {
        assert_eq!(answers.about(*image_id).len(), 1, "it has only been started");
    }
    gate.open();
    for image_id in waiting {
        let done = answers.last(image_id).await;
        assert!(matches!(done, ImageResult::Processed(_)), "{done:?}");
    }
}

#[tokio::test]
async fn no_more_jobs_are_taken_than_may_be_in_flight() {
    let place = Place::make().await;
    let _worker = place
        .start_worker(&[("PMS__WORKER__CONCURRENCY", "1"), ("PMS__WORKER__JOBS", "2")])
        .await;
    let gate = Gate::closed();
    for path in ["/a.png", "/b.png", "/c.png", "/d.png"] {
        place
            .ask_for_url(place.origin.serve(path, png().behind(&gate)))
            .await;
    }
    eventually(DEADLINE, || async {
        (place.origin.most_at_once() == 2).then_some(())
    })
    .await;
    // The others are in the queue, for whoever has a hand free.
    place.ready(Work::Jobs, 2).await;
    gate.open();
    place.ready(Work::Results, 8).await;
    assert_eq!(place.origin.most_at_once(), 2);
}

fn limits(per_host: usize) -> FetchLimits {
    FetchLimits { per_host, ..LIMITS }
}

#[tokio::test]
async fn a_host_serves_no_more_at_once_than_its_limit_and_others_do_not_wait_for_it() {
    let (slow, other) = (Origin::start().await, Origin::start().await);
    let gate = Gate::closed();
    let fetcher = fetcher(limits(2), HERE, Lookup::System);
    let urls = ["/a", "/b", "/c", "/d", "/e"].map(|path| slow.serve(path, Reply::png("slow").behind(&gate)));
    let waiting = join_all(urls.iter().map(|url| fetcher.fetch(url)));
    let meanwhile = async {
        eventually(DEADLINE, || async { (slow.most_at_once() == 2).then_some(()) }).await;
        let fetched = fetcher
            .fetch(&other.serve("/a", Reply::png("fast")))
            .await
            .unwrap();
        assert_eq!(fetched.bytes, "fast");
        gate.open();
    };
    let (fetched, ()) = tokio::join!(waiting, meanwhile);
    for fetched in fetched {
        assert_eq!(fetched.unwrap().bytes, "slow");
    }
    assert_eq!(slow.most_at_once(), 2);
}

#[tokio::test]
async fn the_limit_holds_for_the_host_that_a_redirect_leads_to() {
    let (first, slow) = (Origin::start().await, Origin::start().await);
    let gate = Gate::closed();
    let end = slow.serve("/a", Reply::png("slow").behind(&gate));
    let url = first.serve("/a", Reply::redirect(end));
    let fetcher = fetcher(limits(1), HERE, Lookup::System);
    let waiting = join_all((0..3).map(|_| fetcher.fetch(&url)));
    let opening = async {
        // All of them have left the first host, which is none of those that are waited for.
        eventually(DEADLINE, || async { (first.hits("/a") == 3).then_some(()) }).await;
        gate.open();
    };
    let (fetched, ()) = tokio::join!(waiting, opening);
    assert!(fetched.iter().all(Result::is_ok), "{fetched:?}");
    assert_eq!(slow.most_at_once(), 1);
}

#[tokio::test]
async fn waiting_for_a_turn_takes_nothing_from_the_time_for_the_download() {
    let origin = Origin::start().await;
    let hang = origin.serve("/hang", Reply::Hang);
    // Neither hop has time to spare for what the wait before the first took.
    let slow = Reply::Slow {
        content_type: "image/png".to_owned(),
        body: "goodgood".into(),
        bytes_per_second: 40,
    };
    let good = origin.serve("/moved", Reply::redirect(origin.serve("/good", slow)));
    let limits = FetchLimits {
        total_timeout: Duration::from_millis(300),
        ..limits(1)
    };
    let fetcher = fetcher(limits, HERE, Lookup::System);
    let (first, second, third) =
        tokio::join!(fetcher.fetch(&hang), fetcher.fetch(&hang), fetcher.fetch(&good));
    assert_eq!(verdict(first), (DownloadTimeout, true));
    assert_eq!(verdict(second), (DownloadTimeout, true));
    let fetched = third.unwrap();
    assert_eq!(fetched.bytes, "goodgood");
    assert!(fetched.waited > limits.total_timeout);
}

#[tokio::test]
async fn a_stop_ends_the_waiting_and_no_download() {
    let origin = Origin::start().await;
    let gate = Gate::closed();
    let url = origin.serve("/a", Reply::png("slow").behind(&gate));
    let stop = CancellationToken::new();
    // The provider of cryptography is installed there.
    drop(fetcher(LIMITS, HERE, Lookup::System));
    let guard = hop_guard(HERE, &[]);
    let fetcher = Fetcher::new(limits(1), guard, Lookup::System, stop.clone()).unwrap();
    let second = async {
        eventually(DEADLINE, || async { (origin.hits("/a") == 1).then_some(()) }).await;
        let waiting = fetcher.fetch(&url);
        stop.cancel();
        let outcome = waiting.await;
        gate.open();
        outcome
    };
    let (first, second) = tokio::join!(fetcher.fetch(&url), second);
    assert_eq!(first.unwrap().bytes, "slow");
    assert!(matches!(second, Err(FetchError::Stopping)), "{second:?}");
    assert_eq!(origin.hits("/a"), 1);
}
