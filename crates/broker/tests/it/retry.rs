use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Instant,
};

use broker::{DEAD_REASON_HEADER, Delivery, GiveUp, ORIGIN_HEADER, Outcome, PublishError};
use lapin::message::Delivery as Delivered;
use messages::{Job, Message, Work};

use crate::{
    bench::{Bench, Call, RETRY_DELAYS, consuming, eventually, job, on_bench, scripted, scripted_with},
    suspects::begun_before,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_back_after_its_delay_as_the_same_message() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|delivery: &Delivery<Job>| match delivery.envelope.attempt {
            1 => retry("the source is slow"),
            _ => Outcome::Done,
        });
        let (consumer, stop) = consuming(&broker, handler, 4);
        let (sent, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&sent, &job).await.unwrap();

        let first = calls.handled().await;
        let begun = Instant::now();
        let second = calls.handled().await;
        assert!(
            begun.elapsed() >= RETRY_DELAYS[0] * 9 / 10,
            "{:?}",
            begun.elapsed()
        );
        assert_eq!((first.attempt, second.attempt), (1, 2));
        assert_eq!(second.message_id, sent.message_id);
        assert_eq!(second.correlation_id, sent.correlation_id);
        assert_eq!(second.request_id, sent.request_id);
        assert_eq!(second.traceparent, sent.traceparent);
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
        assert_eq!(bench.jobs_left().await, 0);
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_rung_a_message_is_given_up_once_and_buried_once() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| retry(&"the source is away ".repeat(100)));
        let (consumer, stop) = consuming(&broker, handler, 4);
        let (sent, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&sent, &job).await.unwrap();

        for attempt in 1..=3 {
            let Call::Handle {
                envelope,
                last_attempt,
            } = calls.next().await
            else {
                panic!("given up too early");
            };
            assert_eq!((envelope.attempt, last_attempt), (attempt, attempt == 3));
        }
        let (envelope, why) = calls.given_up().await;
        assert_eq!(envelope.message_id, sent.message_id);
        assert!(matches!(why, GiveUp::Exhausted { reason } if reason.starts_with("the source is away")));

        let dead = bench.take(&bench.names.dead()).await;
        assert_eq!(dead.data, job.encode().unwrap());
        let reason = header(&dead, DEAD_REASON_HEADER);
        assert!(
            reason.contains("the source is away") && reason.len() <= 512,
            "{reason}"
        );
        assert_eq!(header(&dead, ORIGIN_HEADER), bench.names.queue(Work::Jobs));
        assert_eq!(header(&dead, "x-request-id"), sent.request_id.unwrap());
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
        for queue in bench.queues() {
            assert_eq!(bench.depth(&queue).await, 0, "{queue}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_which_nobody_can_be_told_is_kept_but_not_worked_on() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let failed = AtomicBool::new(false);
        let tell = move || match failed.swap(true, Ordering::SeqCst) {
            true => Ok(()),
            false => Err(PublishError::NotConnected),
        };
        let (handler, mut calls) = scripted_with(|_: &Delivery<Job>| retry("always"), tell);
        let (consumer, stop) = consuming(&broker, handler, 1);
        let (sent, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&sent, &job).await.unwrap();

        for _ in 1..=3 {
            calls.handled().await;
        }
        let (_, first) = calls.given_up().await;
        let (envelope, second) = calls.given_up().await;
        assert_eq!(first, second);
        assert_eq!(envelope.message_id, sent.message_id);
        bench.take(&bench.names.dead()).await;
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_ever_settles_is_given_up_before_any_work() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (properties, body) = begun_before(1);
        let sent = properties.message_id().clone().unwrap();
        let suspects = bench.names.suspects_queue(Work::Jobs);
        bench.put_into(&suspects, properties, &body).await;
        for _ in 0..2 {
            bench.take_and_die(&suspects).await;
        }
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, handler, 1);
        let (envelope, why) = calls.given_up().await;
        assert_eq!(envelope.message_id.to_string(), sent.as_str());
        assert_eq!(why, GiveUp::Redelivered { deliveries: 3 });
        bench.take(&bench.names.dead()).await;
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_an_attempt_of_its_message_and_no_other() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let done = std::sync::Arc::new(AtomicU32::new(0));
        let counted = std::sync::Arc::clone(&done);
        let (handler, mut calls) = scripted(move |delivery: &Delivery<Job>| {
            let is_bomb = crate::bench::address(delivery).contains("bomb");
            assert!(!is_bomb || delivery.envelope.attempt > 1, "the bomb went off");
            counted.fetch_add(1, Ordering::SeqCst);
            Outcome::Done
        });
        let (consumer, stop) = consuming(&broker, handler, 2);
        for address in ["1.jpg", "bomb.jpg", "2.jpg", "3.jpg"] {
            let (envelope, job) = job(&format!("https://pictures.example/{address}"));
            broker.publisher().publish(&envelope, &job).await.unwrap();
        }
        for _ in 0..5 {
            calls.handled().await;
        }
        eventually("all to be done", async || {
            (done.load(Ordering::SeqCst) == 4).then_some(())
        })
        .await;
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_buried_at_once() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Reject {
            reason: "makes no sense".to_owned(),
        });
        let (consumer, stop) = consuming(&broker, handler, 1);
        let (sent, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&sent, &job).await.unwrap();
        let dead = bench.take(&bench.names.dead()).await;
        assert_eq!(header(&dead, DEAD_REASON_HEADER), "makes no sense");
        stop.cancel();
        consumer.await.unwrap();
        calls.handled().await;
        assert!(calls.rest().is_empty());
        assert_eq!(bench.jobs_left().await, 0);
    })
    .await;
}

fn header(message: &Delivered, name: &str) -> String {
    let headers = message.properties.headers().as_ref().unwrap().inner();
    let value = headers.get(name).and_then(|value| value.as_long_string());
    value.unwrap_or_else(|| panic!("no header {name}")).to_string()
}

fn retry(reason: &str) -> Outcome {
    Outcome::Retry {
        reason: reason.to_owned(),
    }
}
