//! The system of one drill: two apis, workers, and what is to be seen of them.

use std::{
    env,
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use testkit::{
    Binary, Reply, ServiceControl, TestBroker, Variables, eventually, free_port, http_client, pictures,
};

use super::load::Load;
use crate::System;

/// How long anything may take that is not what the drill measures.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// How long the load runs before an outage, and behind it.
pub(super) const CALM: Duration = Duration::from_secs(5);

/// An api as a process, and where it answers.
pub(super) struct Api {
    pub(super) process: Binary,
    pub(super) address: String,
}

impl Api {
    /// An address of it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

/// The system of one drill. It ends with this value.
pub(super) struct Stage {
    pub(super) system: System,
    pub(super) control: ServiceControl,
    pub(super) client: Client,
    pub(super) apis: Vec<Api>,
    /// The address of a picture that is there at once.
    pub(super) picture: String,
    settings: Variables,
}

impl Stage {
    /// Two apis that are ready. `other` goes over the settings of all processes.
    pub(super) async fn prepare(other: &[(&str, String)]) -> Self {
        let system = System::prepare().await;
        let picture = Reply::png(pictures::png(64, 48, [200, 30, 30]));
        let mut stage = Self {
            control: ServiceControl::of_private_set().unwrap(),
            client: http_client(),
            apis: Vec::new(),
            picture: system.origin.serve("/a.png", picture),
            settings: over(system.settings(), other),
            system,
        };
        for _ in 0..2 {
            let port = free_port();
            let address = format!("http://127.0.0.1:{port}");
            let mut process = stage.start("api", &[("PMS__SERVER__PORT", port.to_string())]);
            process
                .wait_until_ready(&format!("{address}/health/ready"), PATIENCE)
                .await;
            stage.apis.push(Api { process, address });
        }
        stage
    }

    /// Starts a worker.
    pub(super) async fn start_worker(&self, other: &[(&str, String)]) -> Binary {
        let mut worker = self.start("image-worker", other);
        worker.wait_for_line("taking jobs", PATIENCE).await;
        worker
    }

    fn start(&self, name: &str, other: &[(&str, String)]) -> Binary {
        // Beside this program, not below it as for tests.
        let path = env::current_exe().unwrap().with_file_name(name);
        Binary::start(path.to_str().unwrap(), &[], over(self.settings.clone(), other))
    }

    /// The request that creates a product with a picture from each of `sources`, by turns at both apis.
    pub(super) fn create(&self, number: usize, sources: &[&str]) -> RequestBuilder {
        let api = &self.apis[number % self.apis.len()];
        self.client
            .post(api.url("/api/v1/products"))
            .json(&product(number, sources))
    }

    /// What makes the request that creates the product of a number, with one picture, by turns at both apis.
    pub(super) fn creating(&self) -> impl Fn(usize) -> RequestBuilder + Send + use<> {
        let (client, picture) = (self.client.clone(), self.picture.clone());
        let urls: Vec<_> = self.apis.iter().map(|api| api.url("/api/v1/products")).collect();
        move |number| {
            let url = &urls[number % urls.len()];
            client.post(url).json(&product(number, &[&picture]))
        }
    }

    /// What makes the request that reads one of these products, by turns at both apis.
    pub(super) fn reading(&self, ids: &[String]) -> impl Fn(usize) -> RequestBuilder + Send + use<> {
        let client = self.client.clone();
        let urls: Vec<_> = ids
            .iter()
            .flat_map(|id| {
                self.apis
                    .iter()
                    .map(move |api| api.url(&format!("/api/v1/products/{id}")))
            })
            .collect();
        move |number| client.get(&urls[number % urls.len()])
    }

    /// Asks both apis, by turns and often, whether they are ready.
    pub(super) fn watch_readiness(&self) -> Load {
        let client = self.client.clone();
        let urls: Vec<_> = self.apis.iter().map(|api| api.url("/health/ready")).collect();
        Load::begin(4, "/status", move |number| client.get(&urls[number % urls.len()]))
    }

    /// Creates so many products without pictures; their ids.
    pub(super) async fn create_products(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            let response = self.create(number, &[]).send().await.unwrap();
            let product: Value = response.json().await.unwrap();
            ids.push(product["id"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// How many pictures are not ready.
    pub(super) async fn unready(&self) -> i64 {
        self.system.database.count("images WHERE status <> 'ready'").await
    }

    /// How many pictures have failed.
    pub(super) async fn failed(&self) -> i64 {
        self.system.database.count("images WHERE status = 'failed'").await
    }

    /// How many jobs wait for being published.
    pub(super) async fn unpublished(&self) -> i64 {
        self.system.database.count("outbox WHERE work = 'jobs'").await
    }

    /// How many messages lie in a queue, seen over a new connection: that of the system may not have outlived an
    /// outage.
    pub(super) async fn depth(&self, queue: &str) -> u32 {
        TestBroker::create()
            .await
            .queue_depth(queue)
            .await
            .unwrap_or_default()
    }

    /// How many messages could not be done.
    pub(super) async fn dead_letters(&self) -> u32 {
        self.depth(&self.system.broker.names().dead()).await
    }
}

/// How long after `began` something was first seen to hold.
pub(super) async fn since(began: Instant, holds: impl AsyncFn() -> bool) -> Duration {
    eventually(PATIENCE, async || holds().await.then(|| began.elapsed())).await
}

fn product(number: usize, sources: &[&str]) -> Value {
    let images: Vec<_> = sources
        .iter()
        .map(|source| json!({"source_url": source}))
        .collect();
    json!({"name": format!("Mug {number}"), "price": {"amount": "5.00"}, "images": images})
}

fn over(mut settings: Variables, other: &[(&str, String)]) -> Variables {
    let other = other
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    settings.extend(other);
    settings
}
