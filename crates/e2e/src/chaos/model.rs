//! What the clients know of every product, and what no answer may contradict.
//!
//! The version that each answer carries puts writes into an order. A write without an answer may have happened, may
//! happen later, or not at all: nothing is held against either.

use std::{
    collections::{HashMap, VecDeque, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use fastrand::Rng;
use serde_json::Value;

use super::{
    client::Answer,
    evidence::{Evidence, Promise},
    figures::Figures,
    windows::Windows,
};

/// How many products get most of the calls.
const HOT: usize = 6;
/// How many deleted products are still asked for.
const GONE_KEPT: usize = 30;

/// What one client wrote into a product: rising numbers, under a name of its own.
#[derive(Default)]
pub(super) struct Writes {
    /// Version and number of each write that was acknowledged.
    pub(super) acknowledged: Vec<(i64, u64)>,
    /// Numbers of those without an answer, those under way included.
    pub(super) unknown: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Product {
    /// When which version was acknowledged.
    pub(super) acknowledged: Vec<(Instant, i64)>,
    /// Deletes that were sent.
    pub(super) deletes: u32,
    /// When it was known to be gone.
    pub(super) gone: Option<Instant>,
    /// When its deletion was acknowledged. Before that, a write may hear 404 while a read still has it from the cache.
    deleted: Option<Instant>,
    contents: HashMap<i64, u64>,
    authors: HashMap<i64, u64>,
    pub(super) writes: HashMap<usize, Writes>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) products: HashMap<String, Product>,
    /// Each key that was sent, with its product once that is known.
    pub(super) keys: HashMap<String, Option<String>>,
    living: Vec<String>,
    hot: VecDeque<String>,
    gone: VecDeque<String>,
}

/// All that is known.
pub struct Model {
    pub(super) state: Mutex<State>,
    pub(super) evidence: Arc<Evidence>,
    windows: Arc<Windows>,
    figures: Arc<Figures>,
}

impl Model {
    /// Nothing is known yet.
    pub fn new(evidence: Arc<Evidence>, windows: Arc<Windows>, figures: Arc<Figures>) -> Self {
        Self {
            state: Mutex::default(),
            evidence,
            windows,
            figures,
        }
    }

    /// A product to do something with.
    pub fn pick(&self, rng: &mut Rng, hot_share: f64) -> Option<String> {
        let state = self.state();
        if rng.f64() < hot_share && !state.hot.is_empty() {
            return state.hot.get(rng.usize(..state.hot.len())).cloned();
        }
        (!state.living.is_empty()).then(|| state.living[rng.usize(..state.living.len())].clone())
    }

    /// A product that is known to be gone.
    pub fn pick_gone(&self, rng: &mut Rng) -> Option<String> {
        let state = self.state();
        (!state.gone.is_empty()).then(|| state.gone[rng.usize(..state.gone.len())].clone())
    }

    /// A create was sent.
    pub fn key_sent(&self, key: &str) {
        self.state().keys.entry(key.to_owned()).or_default();
    }

    /// A create was answered 201.
    pub fn created(&self, key: &str, answer: &Answer, becomes_hot: bool) {
        let id = text(&answer.body["id"]);
        let mut state = self.state();
        let known = state.keys.entry(key.to_owned()).or_default();
        let same = known.as_ref().is_none_or(|known| *known == id);
        self.evidence.check(Promise::OneProductPerKey, same, || {
            format!("{key} was answered {id} after {known:?}")
        });
        *known = Some(id.clone());
        if !state.products.contains_key(&id) {
            state.products.insert(id.clone(), Product::default());
            state.living.push(id.clone());
            if becomes_hot || state.hot.len() < HOT {
                state.hot.push_back(id.clone());
                if state.hot.len() > HOT {
                    state.hot.pop_front();
                }
            }
        }
        let version = answer.body["version"].as_i64().unwrap_or_default();
        if let Some(product) = state.products.get_mut(&id) {
            product.acknowledged.push((answer.ended, version));
            self.compare(&id, product, &answer.body, version);
        }
    }

    /// A patch by `client` was answered 200; `expected` is the version that `If-Match` named.
    pub fn patched(&self, client: usize, id: &str, number: u64, expected: Option<i64>, answer: &Answer) {
        let version = answer.body["version"].as_i64().unwrap_or_default();
        let mut state = self.state();
        let Some(product) = state.products.get_mut(id) else {
            return;
        };
        let floor = product.floor(answer.begun);
        let grown = version > floor && expected.is_none_or(|expected| version == expected + 1);
        self.evidence.check(Promise::VersionsGrow, grown, || {
            format!("a patch of {id} made version {version} after {floor} (If-Match {expected:?})")
        });
        let author = (client as u64) << 48 | number;
        let single = product
            .authors
            .insert(version, author)
            .is_none_or(|other| other == author);
        self.evidence.check(Promise::VersionsAreOne, single, || {
            format!("two patches of {id} were both acknowledged with version {version}")
        });
        let gone = product.gone.is_some_and(|gone| gone < answer.begun);
        self.evidence.check(Promise::NothingLost, !gone, || {
            format!("{id} was changed after its deletion")
        });
        product.acknowledged.push((answer.ended, version));
        let writes = product.writes.entry(client).or_default();
        writes.decided(number);
        writes.acknowledged.push((version, number));
        self.compare(id, product, &answer.body, version);
    }

    /// A patch by `client` is about to be sent: from now on it may be seen.
    pub fn patch_sent(&self, client: usize, id: &str, number: u64) {
        if let Some(product) = self.state().products.get_mut(id) {
            product.writes.entry(client).or_default().unknown.push(number);
        }
    }

    /// A patch by `client` was refused, or never taken: it must not be seen.
    pub fn patch_refused(&self, client: usize, id: &str, number: u64) {
        if let Some(product) = self.state().products.get_mut(id) {
            product.writes.entry(client).or_default().decided(number);
        }
    }

    /// A delete is about to be sent.
    pub fn delete_sent(&self, id: &str) {
        if let Some(product) = self.state().products.get_mut(id) {
            product.deletes += 1;
        }
    }

    /// A delete was answered 204, or somebody heard 404 after one was sent.
    pub fn gone(&self, id: &str, answer: &Answer) {
        let mut state = self.state();
        let Some(product) = state.products.get_mut(id) else {
            return;
        };
        let deletes = product.deletes;
        self.evidence.check(Promise::NothingLost, deletes > 0, || {
            format!("{id} was answered {} though nobody deleted it", answer.status)
        });
        if answer.status == 204 {
            product.deleted.get_or_insert(answer.ended);
        }
        if product.gone.is_some() {
            return;
        }
        product.gone = Some(answer.ended);
        state.living.retain(|other| other != id);
        state.hot.retain(|other| other != id);
        state.gone.push_back(id.to_owned());
        if state.gone.len() > GONE_KEPT {
            state.gone.pop_front();
        }
    }

    /// A product was shown, alone or in a list. `seen` is the newest version that the same client had seen before
    /// the call. Lists never come from the cache, so nothing excuses them.
    pub fn shown(&self, id: &str, shown: &Value, answer: &Answer, seen: i64, from_cache: bool) -> i64 {
        let version = shown["version"].as_i64().unwrap_or_default();
        let mut state = self.state();
        let Some(product) = state.products.get_mut(id) else {
            return version;
        };
        let lag = self.windows.lag_excused(answer.begun, answer.ended);
        let lag = lag.filter(|_| from_cache);
        let excused = lag.is_some();
        let (mut floor, mut gone) = product.standing(answer.begun);
        if let Some(lag) = lag
            && (version < floor.max(seen) || gone)
        {
            self.figures
                .note("reads that lagged while Redis was at fault, which is excused", 1);
            // Nothing was acknowledged before there was a clock.
            (floor, gone) = answer
                .begun
                .checked_sub(lag)
                .map_or((0, false), |moment| product.standing(moment));
        }
        let is_stale = version < floor || gone;
        let way = if from_cache { "read" } else { "list" };
        self.evidence.check(Promise::ReadsAreFresh, !is_stale, || {
            let state = if gone {
                "deleted".to_owned()
            } else {
                format!("at {floor}")
            };
            format!("a {way} of {id} showed version {version} when it was {state}")
        });
        self.evidence
            .check(Promise::VersionsGrow, excused || version >= seen, || {
                format!("a {way} of {id} showed version {version} to a client that had seen {seen}")
            });
        self.compare(id, product, shown, version);
        version
    }

    /// Whoever shows a version shows the same, and the writes that are part of it.
    fn compare(&self, id: &str, product: &mut Product, shown: &Value, version: i64) {
        let mut hasher = DefaultHasher::new();
        shown.to_string().hash(&mut hasher);
        let content = hasher.finish();
        let same = *product.contents.entry(version).or_insert(content) == content;
        self.evidence.check(Promise::VersionsAreOne, same, || {
            format!("version {version} of {id} was shown with two contents")
        });
        if let Some(why) = product.contradiction(version, &shown["metadata"]) {
            self.evidence
                .broken(Promise::NothingLost, || format!("{id}: {why}"));
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writes {
    fn decided(&mut self, number: u64) {
        self.unknown.retain(|other| *other != number);
    }
}

impl Product {
    /// The newest version that had been acknowledged at a moment, and whether the deletion had been.
    fn standing(&self, at: Instant) -> (i64, bool) {
        (self.floor(at), self.deleted.is_some_and(|deleted| deleted < at))
    }

    /// The newest version that had been acknowledged at a moment.
    pub(super) fn floor(&self, at: Instant) -> i64 {
        let known = self.acknowledged.iter().filter(|(when, _)| *when < at);
        known.map(|(_, version)| *version).max().unwrap_or_default()
    }

    /// Where what a client wrote is neither there nor overwritten by a write of its own that may have come later.
    pub(super) fn contradiction(&self, version: i64, metadata: &Value) -> Option<String> {
        for (client, writes) in &self.writes {
            let part = writes.acknowledged.iter().filter(|(at, _)| *at <= version);
            let Some((at, number)) = part.max() else { continue };
            let shown = metadata[format!("c{client}")]
                .as_str()
                .and_then(|text| text.parse().ok());
            if shown != Some(*number) && !shown.is_some_and(|shown| writes.unknown.contains(&shown)) {
                return Some(format!(
                    "at version {version} client {client}'s write {number} of version {at} is undone: {shown:?}"
                ));
            }
        }
        None
    }
}

/// A text, empty where it is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
