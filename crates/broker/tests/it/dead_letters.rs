use broker::{BrokerError, DeadLetter, DeadLetters, Delivery, Outcome};
use lapin::{BasicProperties, options::BasicPublishOptions};
use messages::{Envelope, Job, Message, Work};

use crate::bench::{Bench, consuming, eventually, job, on_bench, scripted};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_tells_what_became_of_it() {
    on_bench(async |bench: &Bench| {
        let (sent, job) = bury(bench, 1).await.remove(0);
        let mut letters = DeadLetters::open(&bench.config).await.unwrap();
        assert_eq!(letters.count(), 1);
        let letter = letters.next().await.unwrap().unwrap();
        assert_eq!((letter.number, &letter.id), (1, &sent.message_id.to_string()));
        assert_eq!(letter.message_id, Some(sent.message_id));
        assert_eq!(letter.image_id, Some(sent.correlation_id));
        assert_eq!(letter.type_name.as_deref(), Some("image.process.v1"));
        assert!(letter.reason.contains("attempt 3 failed"), "{}", letter.reason);
        let reasons = [1, 2, 3].map(|attempt| format!("attempt {attempt} failed"));
        assert_eq!(letter.reasons, reasons);
        assert_eq!(letter.attempts, 3);
        assert_eq!(letter.origin_queue, Some(bench.names.queue(Work::Jobs)));
        assert_eq!(letter.work, Some(Work::Jobs));
        let age = chrono::Utc::now() - letter.died_at.unwrap();
        assert!(age.num_seconds() < 60, "{age}");
        assert_eq!(letter.request_id, sent.request_id);
        assert_eq!(letter.traceparent, sent.traceparent);
        assert_eq!(letter.body, job.encode().unwrap());
        assert!(letter.headers.iter().any(|(name, _)| name == "x-dead-reason"));
        assert!(letters.next().await.unwrap().is_none());
        letters.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_at_stays_and_what_is_removed_is_gone() {
    on_bench(async |bench: &Bench| {
        bury(bench, 3).await;
        let seen =
            |letters: &[DeadLetter]| -> Vec<_> { letters.iter().map(|letter| letter.id.clone()).collect() };
        let (mut letters, there) = open(bench).await;
        letters.remove(&there[1]).await.unwrap();
        letters.close().await.unwrap();
        let (rest, left) = open(bench).await;
        assert_eq!(left.len(), 2);
        assert!(!seen(&left).contains(&there[1].id));
        // As when its process is killed.
        drop(rest);
        eventually("the letters to be back", async || {
            (bench.depth(&bench.names.dead()).await == 2).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_come_meanwhile_are_left_for_the_next_time() {
    on_bench(async |bench: &Bench| {
        bury(bench, 2).await;
        let mut letters = DeadLetters::open(&bench.config).await.unwrap();
        bury(bench, 1).await;
        let mut count = 0;
        while letters.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 2);
        letters.close().await.unwrap();
        assert_eq!(open(bench).await.1.len(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_again_is_tried_as_if_for_the_first_time() {
    on_bench(async |bench: &Bench| {
        let (sent, _) = bury(bench, 1).await.remove(0);
        let (mut letters, there) = open(bench).await;
        letters.republish(&there[0]).await.unwrap();
        letters.remove(&there[0]).await.unwrap();
        letters.close().await.unwrap();
        let again = bench.take(&bench.names.queue(Work::Jobs)).await;
        let headers = again.properties.headers().clone().unwrap();
        let names: Vec<_> = headers.inner().keys().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["traceparent", "x-attempt", "x-delivery-count", "x-request-id"]
        );
        assert_eq!(headers.inner()["x-delivery-count"].as_long_long_int(), Some(0));
        assert_eq!(headers.inner()["x-attempt"].as_long_long_int(), Some(1));
        let message_id = again.properties.message_id().as_ref().unwrap().to_string();
        assert_eq!(message_id, sent.message_id.to_string());
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_the_broker_buried_have_a_reason_and_an_origin_too() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, _calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, handler, 1);
        bench.put(BasicProperties::default(), b"who am I?").await;
        eventually("the letter", async || {
            (bench.depth(&bench.names.dead()).await == 1).then_some(())
        })
        .await;
        stop.cancel();
        consumer.await.unwrap();
        let (envelope, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&envelope, &job).await.unwrap();
        for _ in 0..=20 {
            bench.take_and_die(&bench.names.queue(Work::Jobs)).await;
        }
        eventually("both letters", async || {
            (bench.depth(&bench.names.dead()).await == 2).then_some(())
        })
        .await;
        let (mut letters, there) = open(bench).await;
        let [unreadable, unsettled] = &there[..] else {
            panic!("{there:?}");
        };
        assert_eq!(unreadable.reason, "the message could not be read");
        assert!(unreadable.id.starts_with("body-"), "{}", unreadable.id);
        assert_eq!(unsettled.reason, "delivered more than 20 times and never settled");
        assert_eq!(unsettled.message_id, Some(envelope.message_id));
        for letter in &there {
            assert_eq!(letter.work, Some(Work::Jobs));
            assert!(letter.died_at.is_some(), "{letter:?}");
            letters.republish(letter).await.unwrap();
        }
        let again = bench.take(&bench.names.queue(Work::Jobs)).await;
        assert_eq!(again.data, b"who am I?");
        letters.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_unknown_origin_cannot_be_published_again() {
    on_bench(async |bench: &Bench| {
        let (_broker, _stop) = bench.broker().await;
        let dead = bench.names.dead();
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let put = bench
            .channel
            .basic_publish(dead.clone().into(), dead.into(), options, b"?", properties);
        put.await.unwrap();
        eventually("the letter", async || {
            (bench.depth(&bench.names.dead()).await == 1).then_some(())
        })
        .await;
        let (mut letters, there) = open(bench).await;
        assert_eq!(there[0].reason, "nobody has said why");
        let fault = letters.republish(&there[0]).await.unwrap_err();
        assert!(matches!(fault, BrokerError::NoOrigin), "{fault:?}");
        letters.close().await.unwrap();
    })
    .await;
}

/// Everything that is there.
async fn open(bench: &Bench) -> (DeadLetters, Vec<DeadLetter>) {
    let mut letters = DeadLetters::open(&bench.config).await.unwrap();
    let mut there = Vec::new();
    while let Some(letter) = letters.next().await.unwrap() {
        there.push(letter);
    }
    (letters, there)
}

/// Has jobs fail until they are dead.
async fn bury(bench: &Bench, count: u32) -> Vec<(Envelope, Job)> {
    let (broker, stop) = bench.broker().await;
    let dead = bench.names.dead();
    let before = bench.depth(&dead).await;
    let (handler, _calls) = scripted(|delivery: &Delivery<Job>| Outcome::Retry {
        reason: format!("attempt {} failed", delivery.envelope.attempt),
    });
    let (consumer, end) = consuming(&broker, handler, 4);
    let mut jobs = Vec::new();
    for _ in 0..count {
        let (envelope, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&envelope, &job).await.unwrap();
        jobs.push((envelope, job));
    }
    eventually("the dead letters", async || {
        (bench.depth(&dead).await == before + count).then_some(())
    })
    .await;
    end.cancel();
    consumer.await.unwrap();
    stop.cancel();
    jobs
}
