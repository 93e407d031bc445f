use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use broker::{Delivery, Outcome};
use messages::Job;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    bench::{Bench, consuming, eventually, job, on_bench, scripted},
    proxy::Proxy,
};

/// On one thread, so that its subscriber hears everything.
#[tokio::test(flavor = "current_thread")]
async fn every_line_about_a_message_tells_whose_it_is() {
    let log = Log::default();
    let _listening = log.listen();
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|delivery: &Delivery<Job>| {
            tracing::info!("at work");
            match delivery.envelope.attempt {
                1 => Outcome::Retry {
                    reason: "not today".to_owned(),
                },
                _ => Outcome::Done,
            }
        });
        let (consumer, stop) = consuming(&broker, handler, 1);
        let (sent, job) = job("https://pictures.example/1.jpg");
        broker.publisher().publish(&sent, &job).await.unwrap();
        calls.handled().await;
        calls.handled().await;
        stop.cancel();
        consumer.await.unwrap();

        let lines = log.lines();
        let at_work: Vec<_> = lines
            .iter()
            .filter(|line| line["fields"]["message"] == "at work")
            .collect();
        assert_eq!(at_work.len(), 2);
        for (line, attempt) in at_work.iter().zip(1..) {
            let span = &line["span"];
            assert_eq!(span["name"], "message");
            assert_eq!(span["message_id"], sent.message_id.to_string());
            assert_eq!(span["image_id"], sent.correlation_id.to_string());
            assert_eq!(span["request_id"], sent.request_id.as_deref().unwrap());
            assert_eq!(span["attempt"], attempt);
        }
        let retried = lines.iter().find(|line| line["fields"]["reason"] == "not today");
        assert_eq!(retried.unwrap()["span"]["attempt"], 1);
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_loss_and_a_recovery_are_told_once() {
    let log = Log::default();
    let _listening = log.listen();
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        let (broker, stop) = bench.started(proxy.on_the_way(&bench.config)).await;
        let told = |words: &str, role: &str| {
            let is_it = |line: &&serde_json::Value| {
                line["fields"]["message"] == words && line["fields"]["role"] == role
            };
            log.lines().iter().filter(is_it).count()
        };
        for role in ["publishing", "consuming"] {
            eventually("both connections", async || {
                (told("connected to RabbitMQ", role) == 1).then_some(())
            })
            .await;
        }
        proxy.drop_connections();
        for role in ["publishing", "consuming"] {
            eventually("both to be back", async || {
                (told("connected to RabbitMQ again", role) == 1).then_some(())
            })
            .await;
            assert_eq!(told("the connection to RabbitMQ is lost", role), 1);
        }
        assert!(broker.is_connected());
        stop.cancel();
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_retries_is_no_flood_of_warnings() {
    let log = Log::default();
    let _listening = log.listen();
    on_bench(async |bench: &Bench| {
        let (broker, _stop) = bench.broker().await;
        let (handler, mut calls) = scripted(|delivery: &Delivery<Job>| match delivery.envelope.attempt {
            1 => Outcome::Retry {
                reason: "the source is away".to_owned(),
            },
            _ => Outcome::Done,
        });
        let (consumer, stop) = consuming(&broker, handler, 8);
        for _ in 0..30 {
            let (envelope, job) = job("https://pictures.example/1.jpg");
            broker.publisher().publish(&envelope, &job).await.unwrap();
        }
        for _ in 0..60 {
            calls.handled().await;
        }
        stop.cancel();
        consumer.await.unwrap();
        let lines = log.lines();
        let told = |line: &&serde_json::Value| line["fields"]["reason"] == "the source is away";
        let told = lines.iter().filter(told).count();
        assert!((1..=5).contains(&told), "{told}");
    })
    .await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("info,lapin=off"))
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = self.0.lock().unwrap().clone();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
