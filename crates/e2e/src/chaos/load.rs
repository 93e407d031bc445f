//! Clients that create, change, delete, read and list, each at its own steady pace.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{join, time::sleep};

use super::{
    client::{Call, Client, Outcome},
    evidence::{Evidence, Promise},
    figures::Operation,
    model::{Model, text},
    sources::Sources,
};

/// Creates without an answer that one client keeps trying; with more it makes no new ones.
const PENDING_MAX: usize = 10;

struct Pending {
    key: String,
    body: Value,
    becomes_hot: bool,
}

/// One client.
pub struct Caller {
    number: usize,
    rng: Rng,
    client: Arc<Client>,
    model: Arc<Model>,
    sources: Arc<Sources>,
    evidence: Arc<Evidence>,
    pending: VecDeque<Pending>,
    keys: u64,
    writes: AtomicU64,
    /// The newest version seen of each product.
    seen: Mutex<HashMap<String, i64>>,
}

impl Caller {
    /// A client of its own number, whose calls follow from the seed.
    pub fn new(
        number: usize,
        seed: u64,
        client: Arc<Client>,
        model: Arc<Model>,
        sources: Arc<Sources>,
        evidence: Arc<Evidence>,
    ) -> Self {
        Self {
            number,
            rng: Rng::with_seed(seed.wrapping_add(number as u64 * 7_919)),
            client,
            model,
            sources,
            evidence,
            pending: VecDeque::new(),
            keys: 0,
            writes: AtomicU64::default(),
            seen: Mutex::default(),
        }
    }

    /// Calls until told to stop; then only learns what became of its creates.
    pub async fn run(mut self, pause: Duration, stop: Arc<AtomicBool>, abandon: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            self.turn().await;
            sleep(pause.mul_f64(0.5 + self.rng.f64())).await;
        }
        while !self.pending.is_empty() && !abandon.load(Ordering::Relaxed) {
            self.create_again().await;
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn turn(&mut self) {
        if !self.pending.is_empty() && self.rng.bool() {
            return self.create_again().await;
        }
        let api = self.rng.usize(..2);
        match self.rng.u8(..100) {
            0..13 => self.create().await,
            13..30 => {
                if let Some(id) = self.model.pick(&mut self.rng, 0.6) {
                    let reads = self.rng.u8(..10) < 7;
                    self.patch(api, &id, None).await;
                    if reads {
                        self.get(1 - api, &id).await;
                    }
                }
            }
            30..35 => self.patch_if_match(api).await,
            35..38 => {
                let hot_share = if self.rng.u8(..10) == 0 { 1.0 } else { 0.0 };
                if let Some(id) = self.model.pick(&mut self.rng, hot_share) {
                    self.delete(api, &id).await;
                }
            }
            38..41 => self.list(api).await,
            41..50 => self.duel().await,
            50..52 => {
                if let Some(id) = self.model.pick_gone(&mut self.rng) {
                    self.get(api, &id).await;
                }
            }
            _ => {
                if let Some(id) = self.model.pick(&mut self.rng, 0.8) {
                    self.get(api, &id).await;
                }
            }
        }
    }

    async fn create(&mut self) {
        if self.pending.len() >= PENDING_MAX {
            return;
        }
        self.keys += 1;
        let key = format!("key-{}-{}", self.number, self.keys);
        let mut images = Vec::new();
        for _ in 0..self.rng.usize(..4) {
            images.push(json!({"source_url": self.sources.invent(&mut self.rng).await}));
        }
        let body = json!({
            "name": format!("Chaos {key}"),
            "price": {"amount": "5.00"},
            "metadata": {"key": key},
            "images": images,
        });
        let becomes_hot = self.rng.u8(..50) == 0;
        self.model.key_sent(&key);
        self.pending.push_front(Pending {
            key,
            body,
            becomes_hot,
        });
        self.create_again().await;
    }

    /// Tries the first of the creates whose outcome is not known.
    async fn create_again(&mut self) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        let call = Call::new(Operation::Create, Method::POST, "/products")
            .with_body(&pending.body)
            .with_header("idempotency-key", pending.key.clone());
        match self.client.call(self.rng.usize(..2), call).await {
            Outcome::Answer(answer) if answer.status == 201 => {
                self.model.created(&pending.key, &answer, pending.becomes_hot);
            }
            Outcome::Answer(answer) if answer.status != 409 => {
                self.unexpected("a create", answer.status, &answer.body);
            }
            // The first call with this key may still be running; its answer is to be had later.
            Outcome::Answer(_) | Outcome::NotSent | Outcome::Unknown => self.pending.push_back(pending),
        }
    }

    async fn patch(&self, api: usize, id: &str, expected: Option<i64>) {
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        let field = format!("c{}", self.number);
        let mut body = json!({"metadata": {field: number.to_string()}});
        if number.is_multiple_of(5) {
            body["description"] = json!(format!(
                "Changed by client {} with its write {number}",
                self.number
            ));
        }
        let path = format!("/products/{id}");
        let call = match expected {
            None => Call::new(Operation::Patch, Method::PATCH, &path),
            Some(version) => Call::new(Operation::PatchIfMatch, Method::PATCH, &path)
                .with_header("if-match", format!("\"{version}\"")),
        }
        .with_body(&body);
        self.model.patch_sent(self.number, id, number);
        match self.client.call(api, call).await {
            Outcome::Answer(answer) if answer.status == 200 => {
                self.model.patched(self.number, id, number, expected, &answer);
                self.saw(id, answer.body["version"].as_i64().unwrap_or_default());
            }
            Outcome::Answer(answer) => {
                self.model.patch_refused(self.number, id, number);
                match answer.status {
                    404 => self.model.gone(id, &answer),
                    412 if expected.is_some() => {}
                    status => self.unexpected("a patch", status, &answer.body),
                }
            }
            Outcome::NotSent => self.model.patch_refused(self.number, id, number),
            Outcome::Unknown => {}
        }
    }

    async fn patch_if_match(&mut self, api: usize) {
        let Some(id) = self.model.pick(&mut self.rng, 0.5) else {
            return;
        };
        self.get(api, &id).await;
        let version = self.seen_of(&id);
        if version > 0 {
            self.patch(1 - api, &id, Some(version)).await;
        }
    }

    async fn delete(&self, api: usize, id: &str) {
        let path = format!("/products/{id}");
        self.model.delete_sent(id);
        let call = Call::new(Operation::Delete, Method::DELETE, &path);
        if let Outcome::Answer(answer) = self.client.call(api, call).await {
            match answer.status {
                204 | 404 => self.model.gone(id, &answer),
                status => self.unexpected("a delete", status, &answer.body),
            }
        }
    }

    async fn get(&self, api: usize, id: &str) {
        let path = format!("/products/{id}");
        let seen = self.seen_of(id);
        let call = Call::new(Operation::Get, Method::GET, &path);
        if let Outcome::Answer(answer) = self.client.call(api, call).await {
            match answer.status {
                200 => {
                    let version = self.model.shown(id, &answer.body, &answer, seen, true);
                    self.saw(id, version);
                }
                404 => self.model.gone(id, &answer),
                status => self.unexpected("a read", status, &answer.body),
            }
        }
    }

    async fn list(&mut self, api: usize) {
        let sort = ["-updated_at", "-created_at", "name"][self.rng.usize(..3)];
        let path = format!("/products?limit=20&sort={sort}");
        let before = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let call = Call::new(Operation::List, Method::GET, &path);
        if let Outcome::Answer(answer) = self.client.call(api, call).await {
            if answer.status != 200 {
                return self.unexpected("a list", answer.status, &answer.body);
            }
            for product in answer.body["data"].as_array().into_iter().flatten() {
                let id = text(&product["id"]);
                let seen = before.get(&id).copied().unwrap_or_default();
                let version = self.model.shown(&id, product, &answer, seen, false);
                self.saw(&id, version);
            }
        }
    }

    /// Readers and writers of one product, at the same time, through both apis.
    async fn duel(&mut self) {
        let Some(id) = self.model.pick(&mut self.rng, 1.0) else {
            return;
        };
        // Reads that miss while somebody writes, and reads at once after it.
        let attack = async |api: usize| {
            self.patch(api, &id, None).await;
            join!(self.get(1 - api, &id), self.get(api, &id));
            self.get(1 - api, &id).await;
        };
        join!(attack(0), attack(1), self.get(0, &id), self.get(1, &id));
    }

    fn unexpected(&self, what: &str, status: u16, body: &Value) {
        self.evidence.broken(Promise::CallsAnswered, || {
            format!(
                "{what} was answered {status} {}: {}",
                body["code"], body["detail"]
            )
        });
    }

    fn seen_of(&self, id: &str) -> i64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(id).copied().unwrap_or_default()
    }

    fn saw(&self, id: &str, version: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = seen.entry(id.to_owned()).or_default();
        *newest = version.max(*newest);
    }
}
