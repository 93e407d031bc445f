use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use broker::{DEAD_REASON_HEADER, Delivery, GiveUp, Outcome, Outgoing, REASONS_HEADER, STARTS_HEADER};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use messages::{Job, Message as _, Work};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::bench::{
    AsyncAct, Bench, Call, PATIENCE, address, consuming, eventually, job, on_bench, scripted,
};

/// How often ordinary work is interrupted in the test of that.
const TURNS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_its_process_fails_after_three_starts_and_its_neighbours_succeed() {
    on_bench(async |bench: &Bench| {
        let workshop = Workshop::default();
        let neighbours = publish(bench, "neighbour", 12).await;
        let killers = publish(bench, "killer", 1).await;
        let more = publish(bench, "neighbour", 12).await;
        let all: HashSet<_> = neighbours.into_iter().chain(more).collect();
        // Each process takes up the work of the one before.
        let (envelope, why) = loop {
            let (broker, stop) = bench.broker().await;
            let (handler, mut calls) = scripted(workshop.clone());
            let (consumer, end) = consuming(&broker, handler, 4);
            let died = tokio::select! {
                () = workshop.killed.notified() => None,
                given_up = async {
                    loop {
                        if let Call::GiveUp { envelope, why } = calls.next().await {
                            return (envelope, why);
                        }
                    }
                } => Some(given_up),
            };
            if let Some(given_up) = died {
                let (done, all) = (&workshop.done, &all);
                eventually("the neighbours", async || {
                    all.is_subset(&done.lock().unwrap()).then_some(())
                })
                .await;
                end.cancel();
                consumer.await.unwrap();
                break given_up;
            }
            consumer.abort();
            let _ = consumer.await;
            stop.cancel();
        };
        assert_eq!(envelope.message_id, killers[0]);
        assert_eq!(why, GiveUp::Redelivered { deliveries: 3 });
        assert_eq!(workshop.starts_of(killers[0]), 3);
        let dead = bench.take(&bench.names.dead()).await;
        let headers = dead.properties.headers().clone().unwrap();
        assert!(headers.contains_key(DEAD_REASON_HEADER) && headers.contains_key(REASONS_HEADER));
        for queue in bench.queues() {
            assert_eq!(bench.depth(&queue).await, 0, "{queue}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspect_is_worked_on_alone() {
    on_bench(async |bench: &Bench| {
        let workshop = Workshop::default();
        publish(bench, "killer", 1).await;
        publish(bench, "neighbour", 3).await;
        let (broker, stop) = bench.broker().await;
        let (handler, mut calls) = scripted(workshop.clone());
        let (consumer, _) = consuming(&broker, handler, 4);
        let mut suspects = HashSet::new();
        for _ in 0..4 {
            suspects.insert(calls.handled().await.message_id);
        }
        consumer.abort();
        let _ = consumer.await;
        stop.cancel();

        let innocent = Workshop::unarmed();
        let (broker, _stop) = bench.broker().await;
        let (handler, _calls) = scripted(innocent.clone());
        let ordinary = publish(bench, "neighbour", 40).await;
        let (consumer, stop) = consuming(&broker, handler, 4);
        let expected: HashSet<_> = suspects.iter().copied().chain(ordinary.clone()).collect();
        eventually("all to be done", async || {
            expected.is_subset(&innocent.done.lock().unwrap()).then_some(())
        })
        .await;
        stop.cancel();
        consumer.await.unwrap();
        let company = innocent.company.lock().unwrap().clone();
        for suspect in &suspects {
            assert_eq!(company[suspect], 1, "{company:?}");
        }
        assert!(ordinary.iter().any(|id| company[id] > 1), "{company:?}");
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_puts_back_comes_again_as_if_it_had_never_been_taken() {
    on_bench(async |bench: &Bench| {
        let ids = publish(bench, "neighbour", 3).await;
        for _ in 0..5 {
            let (broker, _stop) = bench.broker().await;
            let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::PutBack);
            let (consumer, stop) = consuming(&broker, handler, 2);
            assert_eq!(calls.handled().await.attempt, 1);
            stop.cancel();
            timeout(PATIENCE, consumer).await.unwrap().unwrap();
        }
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|delivery: &Delivery<Job>| {
            assert!(!delivery.redelivered);
            Outcome::Done
        });
        let (consumer, stop) = consuming(&broker, handler, 2);
        let mut done = HashSet::new();
        while done.len() < ids.len() {
            let envelope = calls.handled().await;
            assert_eq!(envelope.attempt, 1);
            done.insert(envelope.message_id);
        }
        stop.cancel();
        consumer.await.unwrap();
        assert_eq!(done, ids.into_iter().collect());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspect_that_a_stop_puts_back_stays_one_and_loses_no_start() {
    on_bench(async |bench: &Bench| {
        publish(bench, "neighbour", 1).await;
        bench.take_and_die(&bench.names.queue(Work::Jobs)).await;
        let suspects = bench.names.suspects_queue(Work::Jobs);
        for _ in 0..4 {
            let (broker, _stop) = bench.broker().await;
            let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::PutBack);
            let (consumer, stop) = consuming(&broker, handler, 2);
            calls.handled().await;
            stop.cancel();
            timeout(PATIENCE, consumer).await.unwrap().unwrap();
        }
        let message = bench.take(&suspects).await;
        let headers = message.properties.headers().clone().unwrap();
        let starts = headers.inner()[STARTS_HEADER].as_long_long_int();
        assert_eq!(starts, Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspect_that_fails_goes_up_the_ladder_and_is_none_any_more() {
    on_bench(async |bench: &Bench| {
        publish(bench, "neighbour", 1).await;
        bench.take_and_die(&bench.names.queue(Work::Jobs)).await;
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|delivery: &Delivery<Job>| match delivery.envelope.attempt {
            1 => Outcome::Retry {
                reason: "the source is slow".to_owned(),
            },
            _ if delivery.redelivered => Outcome::Reject {
                reason: "still a suspect".to_owned(),
            },
            _ => Outcome::Done,
        });
        let (consumer, stop) = consuming(&broker, handler, 2);
        assert_eq!(calls.handled().await.attempt, 1);
        assert_eq!(calls.handled().await.attempt, 2);
        stop.cancel();
        consumer.await.unwrap();
        for queue in bench.queues() {
            assert_eq!(bench.depth(&queue).await, 0, "{queue}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_for_suspects_strand_no_ordinary_message() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|_: &Delivery<Job>| Outcome::Done);
        let (consumer, stop) = consuming(&broker, handler, 8);
        let publisher = broker.publisher();
        let mut expected = HashSet::new();
        for _ in 0..TURNS {
            // Its turn interrupts the rest.
            let (properties, body) = begun_before(1);
            bench.put(properties, &body).await;
            for _ in 0..10 {
                let batch: Vec<_> = (0..20)
                    .map(|_| outgoing("https://pictures.example/a.jpg"))
                    .collect();
                expected.extend(batch.iter().map(|outgoing| outgoing.envelope.message_id));
                for published in publisher.publish_batch(&batch).await {
                    published.unwrap();
                }
            }
        }
        let mut done = HashSet::new();
        while !expected.is_subset(&done) {
            done.insert(calls.handled().await.message_id);
        }
        stop.cancel();
        consumer.await.unwrap();
        assert_eq!(bench.jobs_left().await, 0);
    })
    .await;
}

/// Where work takes a moment, and a killer ends its process.
#[derive(Clone, Default)]
struct Workshop {
    is_safe: bool,
    killed: Arc<Notify>,
    running: Arc<AtomicUsize>,
    starts: Arc<Mutex<Vec<Uuid>>>,
    done: Arc<Mutex<HashSet<Uuid>>>,
    /// The most that ran at once while a message was worked on.
    company: Arc<Mutex<HashMap<Uuid, usize>>>,
}

impl Workshop {
    fn unarmed() -> Self {
        Self {
            is_safe: true,
            ..Self::default()
        }
    }

    fn starts_of(&self, message_id: Uuid) -> usize {
        let starts = self.starts.lock().unwrap();
        starts.iter().filter(|id| **id == message_id).count()
    }
}

impl AsyncAct for Workshop {
    async fn act(&self, delivery: &Delivery<Job>) -> Outcome {
        let id = delivery.envelope.message_id;
        self.starts.lock().unwrap().push(id);
        if address(delivery).contains("killer") && !self.is_safe {
            // Long enough for its neighbours to be under way.
            sleep(Duration::from_millis(50)).await;
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
        let before = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(Duration::from_millis(100)).await;
        let after = self.running.fetch_sub(1, Ordering::SeqCst);
        self.company.lock().unwrap().insert(id, before.max(after));
        self.done.lock().unwrap().insert(id);
        Outcome::Done
    }
}

pub(crate) fn outgoing(address: &str) -> Outgoing {
    let (envelope, job) = job(address);
    Outgoing {
        work: Work::Jobs,
        type_name: job.type_name().to_owned(),
        envelope,
        body: job.encode().unwrap(),
    }
}

/// A message that was begun so often before, in another queue, and never settled.
pub(crate) fn begun_before(starts: i64) -> (BasicProperties, Vec<u8>) {
    let suspect = outgoing("https://pictures.example/suspect.jpg");
    let mut headers = FieldTable::default();
    headers.insert(STARTS_HEADER.into(), AMQPValue::LongLongInt(starts));
    let properties = BasicProperties::default()
        .with_type(suspect.type_name.into())
        .with_message_id(suspect.envelope.message_id.to_string().into())
        .with_correlation_id(suspect.envelope.correlation_id.to_string().into())
        .with_timestamp(1_700_000_000)
        .with_headers(headers);
    (properties, suspect.body)
}

pub(crate) async fn publish(bench: &Bench, kind: &str, count: usize) -> Vec<Uuid> {
    let (broker, stop) = bench.broker().await;
    let mut ids = Vec::new();
    for _ in 0..count {
        let (envelope, job) = job(&format!("https://pictures.example/{kind}.jpg"));
        broker.publisher().publish(&envelope, &job).await.unwrap();
        ids.push(envelope.message_id);
    }
    stop.cancel();
    ids
}
