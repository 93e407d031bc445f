use std::{sync::Arc, time::Duration};

use broker::{Delivery, Outcome};
use lapin::{BasicProperties, options::QueueDeleteOptions};
use messages::{Job, Work};
use tokio::{sync::Semaphore, time::timeout};

use crate::bench::{AsyncAct, Bench, Calls, PATIENCE, consuming, eventually, job, on_bench, scripted};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_buried_and_the_rest_goes_on() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(done);
        let (consumer, stop) = consuming(&broker, handler, 1);

        let (sent, job) = job("https://pictures.example/1.jpg");
        let named = BasicProperties::default()
            .with_message_id(sent.message_id.to_string().into())
            .with_correlation_id(sent.correlation_id.to_string().into());
        bench.put(BasicProperties::default(), b"who am I?").await;
        bench
            .put(named.clone().with_type("image.process.v1".into()), b"{\"half\":")
            .await;
        bench
            .put(named.with_type("image.process.v99".into()), b"{}")
            .await;
        broker.publisher().publish(&sent, &job).await.unwrap();

        assert_eq!(calls.handled().await.message_id, sent.message_id);
        for _ in 0..3 {
            bench.take(&bench.names.dead()).await;
        }
        stop.cancel();
        consumer.await.unwrap();
        assert!(calls.rest().is_empty());
        assert_eq!(bench.depth(&bench.names.dead()).await, 0);
        assert_eq!(bench.jobs_left().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_share_a_queue_and_do_each_message_once() {
    on_bench(async |bench: &Bench| {
        let (one, _stop_one) = bench.broker().await;
        let (other, _stop_other) = bench.broker().await;
        let (handler, mut calls_one) = scripted(Gate::open());
        let (consumer_one, stop_one) = consuming(&one, handler, 4);
        let (handler, mut calls_other) = scripted(Gate::open());
        let (consumer_other, stop_other) = consuming(&other, handler, 4);
        for _ in 0..200 {
            let (envelope, job) = job("https://pictures.example/1.jpg");
            one.publisher().publish(&envelope, &job).await.unwrap();
        }
        eventually("the queue to be empty", async || {
            (bench.jobs_left().await == 0).then_some(())
        })
        .await;
        stop_one.cancel();
        stop_other.cancel();
        consumer_one.await.unwrap();
        consumer_other.await.unwrap();
        assert_eq!(bench.jobs_left().await, 0);
        let (ones, others) = (calls_one.rest(), calls_other.rest());
        assert!(!ones.is_empty() && !others.is_empty());
        assert_eq!(ones.len() + others.len(), 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_handlers_run_than_the_prefetch_says() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let gate = Gate::shut();
        let (handler, mut calls) = scripted(gate.clone());
        let (consumer, stop) = consuming(&broker, handler, 3);
        publish(&broker, 8).await;
        for _ in 0..3 {
            calls.handled().await;
        }
        // The rest waits in the queue, where another consumer could take it.
        assert_eq!(bench.jobs_left().await, 5);
        assert_eq!(broker.queue_depth(Work::Jobs).await.unwrap(), 5);
        gate.0.add_permits(8);
        for _ in 0..5 {
            calls.handled().await;
        }
        stop.cancel();
        consumer.await.unwrap();
        assert_eq!(bench.jobs_left().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_running_handlers_finish_and_takes_no_more() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let gate = Gate::shut();
        let (handler, mut calls) = scripted(gate.clone());
        let (mut consumer, stop) = consuming(&broker, handler, 2);
        publish(&broker, 5).await;
        running(&mut calls, 2).await;
        stop.cancel();
        assert!(timeout(Duration::from_millis(300), &mut consumer).await.is_err());
        gate.0.add_permits(5);
        timeout(PATIENCE, consumer).await.unwrap().unwrap();
        assert!(calls.rest().is_empty());
        eventually("the rest to be in the queue", async || {
            (bench.jobs_left().await == 3).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_consumer_gives_its_messages_back_at_once() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(Gate::shut());
        let (consumer, stop) = consuming(&broker, handler, 2);
        publish(&broker, 5).await;
        running(&mut calls, 2).await;
        stop.cancel();
        consumer.abort();
        assert!(consumer.await.unwrap_err().is_cancelled());
        eventually("all to be back in the queue", async || {
            (bench.jobs_left().await == 5).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_queue_was_deleted_declares_it_and_goes_on() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(done);
        let (consumer, stop) = consuming(&broker, handler, 2);
        publish(&broker, 1).await;
        running(&mut calls, 1).await;
        let queue = bench.names.queue(Work::Jobs);
        let deleted = bench
            .channel
            .queue_delete(queue.into(), QueueDeleteOptions::default());
        deleted.await.unwrap();
        let (envelope, job) = job("https://pictures.example/1.jpg");
        eventually("the queue to be back", async || {
            broker.publisher().publish(&envelope, &job).await.ok()
        })
        .await;
        assert_eq!(calls.handled().await.message_id, envelope.message_id);
        stop.cancel();
        consumer.await.unwrap();
    })
    .await;
}

/// A handler that waits at a gate.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Arc<Semaphore>);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    fn open() -> Self {
        Self(Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)))
    }
}

impl AsyncAct for Gate {
    async fn act(&self, _: &Delivery<Job>) -> Outcome {
        self.0.acquire().await.unwrap().forget();
        Outcome::Done
    }
}

fn done(_: &Delivery<Job>) -> Outcome {
    Outcome::Done
}

async fn publish(broker: &broker::Broker, count: usize) {
    for _ in 0..count {
        let (envelope, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&envelope, &job).await.unwrap();
    }
}

async fn running(calls: &mut Calls, count: usize) {
    for _ in 0..count {
        calls.handled().await;
    }
}
