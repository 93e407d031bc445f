use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use broker::{BrokerConfig, Delivery, Outcome, Publisher};
use messages::Job;
use uuid::Uuid;

use crate::{
    bench::{Bench, Calls, consuming, eventually, job, on_bench, scripted},
    proxy::Proxy,
};

const CONFIRM_TIMEOUT: Duration = Duration::from_millis(800);
/// A publish waits so long for a connection, and as long again for a confirm.
const LONGEST_PUBLISH: Duration = Duration::from_millis(2_500);

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_no_message() {
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        let (broker, _stop) = bench.started(proxy.on_the_way(&bench.config)).await;
        let (handler, mut calls) = scripted(done);
        let (consumer, stop) = consuming(&broker, handler, 4);
        let mut sent = HashSet::new();
        for number in 0..60 {
            if number % 20 == 10 {
                proxy.drop_connections();
            }
            sent.insert(publish_until_confirmed(&broker.publisher()).await);
        }
        all_arrive(&mut calls, sent).await;
        proxy.drop_connections();
        let last = publish_until_confirmed(&broker.publisher()).await;
        all_arrive(&mut calls, HashSet::from([last])).await;
        let empty = async || {
            let empty = async || (bench.jobs_left().await == 0).then_some(());
            eventually("the queue to be empty", empty).await;
        };
        // What was under way when a connection broke comes once more, for which somebody has to be there.
        empty().await;
        stop.cancel();
        consumer.await.unwrap();
        empty().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_hangs_nobody_and_is_used_again_when_it_speaks() {
    on_bench(async |bench: &Bench| silence_of(bench, Duration::from_secs(4)).await).await;
}

/// Longer than two heartbeats, so that the consuming connection is given up as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_silence_is_survived_by_consumers_too() {
    on_bench(async |bench: &Bench| silence_of(bench, Duration::from_secs(25)).await).await;
}

async fn silence_of(bench: &Bench, length: Duration) {
    let proxy = Proxy::to(&bench.config).await;
    let config = BrokerConfig {
        connect_timeout: Duration::from_secs(1),
        confirm_timeout: CONFIRM_TIMEOUT,
        ..proxy.on_the_way(&bench.config)
    };
    let (broker, _stop) = bench.started(config).await;
    let (handler, mut calls) = scripted(done);
    let (consumer, stop) = consuming(&broker, handler, 4);
    let mut sent = HashSet::from([publish_until_confirmed(&broker.publisher()).await]);

    proxy.fall_silent();
    let begun = Instant::now();
    while begun.elapsed() < length {
        let (envelope, job) = job("https://pictures.example/1.jpg");
        let each = Instant::now();
        let published = broker.publisher().publish(&envelope, &job).await;
        assert!(published.is_err(), "a silent peer cannot confirm");
        assert!(each.elapsed() < LONGEST_PUBLISH, "{:?}", each.elapsed());
    }
    assert!(!broker.is_connected());

    proxy.speak_again();
    let begun = Instant::now();
    sent.insert(publish_until_confirmed(&broker.publisher()).await);
    all_arrive(&mut calls, sent).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    stop.cancel();
    consumer.await.unwrap();
}

/// Publishes one message, again and again under the same identifier.
async fn publish_until_confirmed(publisher: &Publisher) -> Uuid {
    let (envelope, job) = job("https://pictures.example/1.jpg");
    eventually("a confirm", async || {
        publisher.publish(&envelope, &job).await.ok()
    })
    .await;
    envelope.message_id
}

/// Each arrives at least once.
async fn all_arrive(calls: &mut Calls, mut expected: HashSet<Uuid>) {
    while !expected.is_empty() {
        expected.remove(&calls.handled().await.message_id);
    }
}

fn done(_: &Delivery<Job>) -> Outcome {
    Outcome::Done
}
