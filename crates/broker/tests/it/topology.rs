use std::time::Duration;

use broker::{Broker, BrokerConfig, BrokerError};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use messages::Work;

use crate::{
    bench::{Bench, eventually, on_bench},
    proxy::Proxy,
};

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_declared_and_declared_again() {
    on_bench(async |bench: &Bench| {
        Broker::check(&bench.config).await.unwrap();
        Broker::check(&bench.config).await.unwrap();
        for queue in bench.queues() {
            assert_eq!(bench.depth(&queue).await, 0, "{queue}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named() {
    on_bench(async |bench: &Bench| {
        let queue = bench.names.queue(Work::Results);
        let options = QueueDeclareOptions::durable();
        let declared = bench
            .channel
            .queue_declare(queue.as_str().into(), options, FieldTable::default());
        declared.await.unwrap();
        let fault = Broker::check(&bench.config).await.unwrap_err();
        assert!(
            matches!(&fault, BrokerError::Topology { name, .. } if *name == queue),
            "{fault:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_is_wrong() {
    on_bench(async |bench: &Bench| {
        let config = BrokerConfig {
            password: "wrong".into(),
            ..bench.config.clone()
        };
        let fault = Broker::check(&config).await.unwrap_err();
        assert!(matches!(fault, BrokerError::Credentials { .. }), "{fault:?}");

        let config = BrokerConfig {
            vhost: "nowhere".to_owned(),
            ..bench.config.clone()
        };
        let fault = Broker::check(&config).await.unwrap_err();
        assert!(matches!(fault, BrokerError::VirtualHost { .. }), "{fault:?}");

        let config = BrokerConfig {
            port: 1,
            ..bench.config.clone()
        };
        let fault = Broker::check(&config).await.unwrap_err();
        assert!(matches!(fault, BrokerError::Connect { .. }), "{fault:?}");

        let config = BrokerConfig {
            host: "no-such-host.invalid".to_owned(),
            ..bench.config.clone()
        };
        let fault = Broker::check(&config).await.unwrap_err();
        assert!(matches!(fault, BrokerError::Resolve { .. }), "{fault:?}");

        let config = BrokerConfig {
            prefix: "x".repeat(250),
            ..bench.config.clone()
        };
        let fault = Broker::check(&config).await.unwrap_err();
        assert!(matches!(fault, BrokerError::Name(_)), "{fault:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_is_a_timeout_and_leaves_nothing_behind() {
    on_bench(async |bench: &Bench| {
        let proxy = Proxy::to(&bench.config).await;
        proxy.fall_silent();
        let config = BrokerConfig {
            connect_timeout: Duration::from_millis(200),
            ..proxy.on_the_way(&bench.config)
        };
        let before = client_threads();
        for _ in 0..3 {
            let fault = Broker::check(&config).await.unwrap_err();
            assert!(matches!(fault, BrokerError::Timeout { .. }), "{fault:?}");
        }
        eventually("the threads to end", async || {
            (client_threads() <= before).then_some(())
        })
        .await;
    })
    .await;
}

/// The client drives each of its connections on a thread of this name.
fn client_threads() -> usize {
    let comm =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok)
        .map(comm)
        .filter(|name| name.trim() == "lapin-io-loop")
        .count()
}
