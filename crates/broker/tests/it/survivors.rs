//! What is no sign of a message that ends processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{BrokerConfig, Delivery, GiveUp, Handler, Outcome, PublishError};
use messages::{Job, Work};
use tokio::time::timeout;

use crate::{
    bench::{Bench, Call, PATIENCE, consuming, eventually, job, on_bench, scripted},
    consumer::Gate,
    proxy::Proxy,
    suspects::{begun_before, publish},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_makes_nothing_suspect_to_the_process_that_survived_it() {
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        let (broker, _stop) = bench.started(proxy.on_the_way(&bench.config)).await;
        let gate = Gate::shut();
        let (handler, mut calls) = scripted(gate.clone());
        let (consumer, stop) = consuming(&broker, handler, 8);
        let ids = publish(bench, "neighbour", 1).await;
        assert_eq!(calls.handled().await.message_id, ids[0]);
        for _ in 0..4 {
            proxy.drop_connections();
            // Were it a suspect, it would wait for the handlers that wait at the gate.
            assert_eq!(calls.handled().await.message_id, ids[0]);
        }
        gate.0.add_permits(8);
        eventually("the message to be settled", async || {
            let suspects = bench.depth(&bench.names.suspects_queue(Work::Jobs)).await;
            (bench.jobs_left().await + suspects == 0).then_some(())
        })
        .await;
        stop.cancel();
        consumer.await.unwrap();
        assert_eq!(bench.jobs_left().await, 0);
        assert!(calls.rest().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_that_is_lost_with_its_connection_makes_nothing_suspect() {
    survive_deafness(|| Outcome::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_of_a_message_that_is_to_be_tried_again() {
    survive_deafness(|| Outcome::Retry {
        reason: "not today".to_owned(),
    })
    .await;
}

/// Connections break again and again before the broker has read what was acknowledged after this outcome.
async fn survive_deafness(outcome: fn() -> Outcome) {
    on_bench(async |bench: &Bench| {
        let proxy = Arc::new(Proxy::to(&bench.config).await);
        let config = BrokerConfig {
            // What waits for a confirm in vain keeps others from being begun.
            confirm_timeout: Duration::from_secs(1),
            ..proxy.on_the_way(&bench.config)
        };
        let (broker, _stop) = bench.started(config).await;
        let is_calm = Arc::new(AtomicBool::new(false));
        let (line, calm) = (Arc::clone(&proxy), Arc::clone(&is_calm));
        let (handler, mut calls) = scripted(move |_: &Delivery<Job>| {
            if calm.load(Ordering::SeqCst) {
                return Outcome::Done;
            }
            // What follows does not arrive, and looks as if it did.
            line.be_deaf();
            outcome()
        });
        publish(bench, "neighbour", 100).await;
        let (consumer, stop) = consuming(&broker, handler, 8);
        for _ in 0..6 {
            // The handlers of before may still make it deaf for the next connection.
            while timeout(PATIENCE / 100, calls.handled()).await.is_err() {
                proxy.hear_again();
            }
            // As many as come: what a handler of before holds is not begun again.
            for _ in 0..7 {
                if timeout(PATIENCE / 100, calls.handled()).await.is_err() {
                    break;
                }
            }
            proxy.drop_connections();
        }
        is_calm.store(true, Ordering::SeqCst);
        eventually("all to be settled", async || {
            proxy.hear_again();
            let suspects = bench.depth(&bench.names.suspects_queue(Work::Jobs)).await;
            (bench.jobs_left().await + suspects == 0).then_some(())
        })
        .await;
        stop.cancel();
        consumer.await.unwrap();
        let given_up = |call: &Call| matches!(call, Call::GiveUp { .. });
        assert!(!calls.rest().iter().any(given_up));
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_among_others_is_given_up_only_if_it_is_lost_alone_as_well() {
    on_bench(async |bench: &Bench| {
        let ids = publish(bench, "neighbour", 1).await;
        for _ in 0..5 {
            bench.take_and_die(&bench.names.queue(Work::Jobs)).await;
        }
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, handler, 2);
        assert_eq!(calls.handled().await.message_id, ids[0]);
        stop.cancel();
        consumer.await.unwrap();
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

/// Whose messages end nobody.
struct Harmless<H>(H);

impl<H: Handler<Job>> Handler<Job> for Harmless<H> {
    const MAY_END_PROCESS: bool = false;

    async fn handle(&self, delivery: &Delivery<Job>) -> Outcome {
        self.0.handle(delivery).await
    }

    async fn give_up(&self, delivery: &Delivery<Job>, why: &GiveUp) -> Result<(), PublishError> {
        self.0.give_up(delivery, why).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_nobody_is_begun_again_however_often_it_was_lost() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (properties, body) = begun_before(9);
        bench.put(properties, &body).await;
        for _ in 0..4 {
            bench.take_and_die(&bench.names.queue(Work::Jobs)).await;
        }
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, Harmless(handler), 1);
        calls.handled().await;
        // A message that follows shows that this one was done where it lay.
        let (sent, next) = job("https://pictures.example/next.jpg");
        broker.publisher().publish(&sent, &next).await.unwrap();
        assert_eq!(calls.handled().await.message_id, sent.message_id);
        stop.cancel();
        consumer.await.unwrap();
        for queue in bench.queues() {
            assert_eq!(bench.depth(&queue).await, 0, "{queue}");
        }
    })
    .await;
}
