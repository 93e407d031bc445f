use std::time::{Duration, Instant};

use broker::{Broker, BrokerConfig, Outgoing, PublishError};
use lapin::options::QueueDeleteOptions;
use messages::{Job, Message, Work};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, eventually, job, on_bench};

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_message_is_in_its_queue() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (envelope, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&envelope, &job).await.unwrap();
        assert_eq!(bench.jobs_left().await, 1);
        let message = bench.take(&bench.names.queue(Work::Jobs)).await;
        assert_eq!(message.data, job.encode().unwrap());
        let properties = &message.properties;
        assert_eq!(properties.kind().as_ref().unwrap().as_str(), "image.process.v1");
        assert_eq!(properties.delivery_mode(), &Some(2));
        let id = envelope.message_id.to_string();
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), id);
        let headers = properties.headers().as_ref().unwrap().inner();
        let trace = headers.get("traceparent").unwrap().as_long_string().unwrap();
        assert_eq!(trace.to_string(), envelope.traceparent.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_publish_at_once() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let publisher = broker.publisher();
                tokio::spawn(async move {
                    let (envelope, job) = job(&format!("https://pictures.example/{number}.jpg"));
                    publisher.publish(&envelope, &job).await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(bench.jobs_left().await, 100);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unroutable_message_is_a_failure_and_the_queue_is_declared_again() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        delete_queue(bench, Work::Jobs).await;
        let (envelope, job) = job("https://pictures.example/1.jpg");
        let fault = broker.publisher().publish(&envelope, &job).await.unwrap_err();
        let queue = bench.names.queue(Work::Jobs);
        assert!(
            matches!(&fault, PublishError::Unroutable { routing_key, .. } if *routing_key == queue),
            "{fault:?}"
        );
        broker.publisher().publish(&envelope, &job).await.unwrap();
        assert_eq!(bench.jobs_left().await, 1);
    })
    .await;
}

/// The client pins a returned message to whichever confirm comes next, so this is where a batch could blame the wrong.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_batch_only_the_unroutable_fail() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        for _ in 0..5 {
            delete_queue(bench, Work::Results).await;
            let batch: Vec<_> = (0..60)
                .map(|number| {
                    if number % 7 == 3 {
                        Work::Results
                    } else {
                        Work::Jobs
                    }
                })
                .map(outgoing)
                .collect();
            let answers = broker.publisher().publish_batch(&batch).await;
            assert_eq!(answers.len(), batch.len());
            for (outgoing, answer) in batch.iter().zip(&answers) {
                match outgoing.work {
                    Work::Jobs | Work::Backfill => assert!(answer.is_ok(), "{answer:?}"),
                    Work::Results => {
                        assert!(
                            matches!(answer, Err(PublishError::Unroutable { .. })),
                            "{answer:?}"
                        );
                    }
                }
            }
            // The connection is being replaced, and with it comes the queue.
            let again = broker.publisher().publish_batch(&[outgoing(Work::Results)]).await;
            assert!(again[0].is_ok(), "{again:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_arrives_whole_and_in_order() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let batch: Vec<_> = (0..500).map(|_| outgoing(Work::Jobs)).collect();
        let answers = broker.publisher().publish_batch(&batch).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(bench.jobs_left().await, 500);
        for outgoing in batch.iter().take(20) {
            let message = bench.take(&bench.names.queue(Work::Jobs)).await;
            let id = message.properties.message_id().clone().unwrap().to_string();
            assert_eq!(id, outgoing.envelope.message_id.to_string());
        }
        assert!(broker.publisher().publish_batch(&[]).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_too_long_for_amqp_fails_alone() {
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let mut batch = [Work::Jobs; 3].map(outgoing);
        batch[1].type_name = "x".repeat(300);
        let answers = broker.publisher().publish_batch(&batch).await;
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        assert!(matches!(answers[1], Err(PublishError::Name(_))), "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_publish_fails_in_time() {
    on_bench(async |bench: &Bench| {
        let config = BrokerConfig {
            port: 1,
            confirm_timeout: Duration::from_millis(300),
            ..bench.config.clone()
        };
        let broker = Broker::start(config, CancellationToken::new());
        let (envelope, job) = job("https://pictures.example/1.jpg");
        let begun = Instant::now();
        let fault = broker.publisher().publish(&envelope, &job).await.unwrap_err();
        assert!(matches!(fault, PublishError::NotConnected), "{fault:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(!broker.is_connected());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_stop_nothing_is_published() {
    on_bench(async |bench: &Bench| {
        let (broker, stop) = bench.broker().await;
        stop.cancel();
        eventually("the end", async || (!broker.is_connected()).then_some(())).await;
        let (envelope, job) = job("https://pictures.example/1.jpg");
        let fault = broker.publisher().publish(&envelope, &job).await.unwrap_err();
        assert!(matches!(fault, PublishError::NotConnected), "{fault:?}");
    })
    .await;
}

fn outgoing(work: Work) -> Outgoing {
    let (envelope, job) = job("https://pictures.example/1.jpg");
    Outgoing {
        work,
        type_name: Job::TYPE_NAMES[0].to_owned(),
        envelope,
        body: job.encode().unwrap(),
    }
}

async fn delete_queue(bench: &Bench, work: Work) {
    let options = QueueDeleteOptions::default();
    let queue = bench.names.queue(work);
    bench.channel.queue_delete(queue.into(), options).await.unwrap();
}
