use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use broker::{BrokerConfig, Delivery, Outcome, PublishError};
use messages::Job;

use crate::{
    bench::{Bench, consuming, eventually, job, on_bench, scripted},
    proxy::Proxy,
};

const CONFIRM_TIMEOUT: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_short_of_memory_holds_publishers_back_and_keeps_their_connection() {
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        let config = BrokerConfig {
            confirm_timeout: CONFIRM_TIMEOUT,
            ..proxy.on_the_way(&bench.config)
        };
        let (broker, _stop) = bench.started(config).await;
        let (first, body) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&first, &body).await.unwrap();
        let connections = proxy.accepted();

        proxy.block();
        let begun = Instant::now();
        let blocked = async || match broker.publisher().publish(&first, &body).await {
            Err(PublishError::Blocked) => Some(()),
            // The alarm is on its way still.
            Err(PublishError::Timeout(_)) | Ok(()) => None,
            Err(other) => panic!("{other:?}"),
        };
        eventually("the alarm", blocked).await;
        while begun.elapsed() < 6 * CONFIRM_TIMEOUT {
            assert!(blocked().await.is_some());
        }
        assert!(broker.is_connected());

        proxy.unblock();
        let (last, body) = job("https://pictures.example/2.jpg");
        eventually("room", async || {
            broker.publisher().publish(&last, &body).await.ok()
        })
        .await;
        assert_eq!(proxy.accepted(), connections);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_when_the_broker_blocks_is_neither_lost_nor_a_reason_to_reconnect() {
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        let config = BrokerConfig {
            confirm_timeout: 4 * CONFIRM_TIMEOUT,
            ..proxy.on_the_way(&bench.config)
        };
        let (broker, _stop) = bench.started(config).await;
        let (warm, body) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&warm, &body).await.unwrap();
        let connections = proxy.accepted();
        let mut expected = HashSet::from([warm.message_id]);

        proxy.block();
        let publishes = (0..20).map(|_| {
            let publisher = broker.publisher();
            tokio::spawn(async move {
                let (envelope, body) = job("https://pictures.example/2.jpg");
                (
                    envelope.message_id,
                    envelope.clone(),
                    publisher.publish(&envelope, &body).await,
                    body,
                )
            })
        });
        let publishes: Vec<_> = publishes.collect();
        let mut again = Vec::new();
        for publish in publishes {
            let (id, envelope, published, body) = publish.await.unwrap();
            assert!(matches!(published, Err(PublishError::Blocked)), "{published:?}");
            expected.insert(id);
            again.push((envelope, body));
        }
        proxy.unblock();
        for (envelope, body) in &again {
            eventually("room", async || {
                broker.publisher().publish(envelope, body).await.ok()
            })
            .await;
        }
        assert_eq!(proxy.accepted(), connections);
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, handler, 4);
        while !expected.is_empty() {
            expected.remove(&calls.handled().await.message_id);
        }
        stop.cancel();
        consumer.await.unwrap();
    })
    .await;
}
