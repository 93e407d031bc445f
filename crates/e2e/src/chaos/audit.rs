//! Holding what is there in the end against what was promised on the way.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;
use testkit::Copied;
use tokio::task::{JoinSet, spawn_blocking};

use super::{
    client::{Call, Client, Outcome},
    evidence::{Evidence, Promise},
    figures::{Figures, Operation},
    model::{Model, text},
    replays::Obituaries,
    settle::rows,
    sources::{Expected, Source, Sources},
    stage::Stage,
};

/// How long before its dead letter the first of a picture's three starts may have been.
const KILLS_WITHIN: Duration = Duration::from_secs(180);
/// Reads at a time.
const READERS: usize = 4;

/// What an audit looks into.
pub struct Audit {
    /// Rooms.
    pub stage: Arc<Stage>,
    /// What the clients know.
    pub model: Arc<Model>,
    /// What pictures deserve.
    pub sources: Arc<Sources>,
    /// A client of the apis.
    pub client: Arc<Client>,
    /// What comes of it.
    pub evidence: Arc<Evidence>,
    /// What else is counted.
    pub figures: Arc<Figures>,
    /// Whether dead letters were replayed after all sources were mended.
    pub is_mended: bool,
    /// What ended badly on the way.
    pub obituaries: Obituaries,
    /// When workers were killed.
    pub worker_kills: Vec<Instant>,
}

impl Audit {
    /// Looks at everything.
    ///
    /// # Errors
    /// What could not be looked at.
    pub async fn run(&self) -> Result<(), String> {
        let products = rows(&self.stage, "SELECT id, version, metadata, name FROM products").await?;
        let versions: HashMap<String, i64> = products
            .iter()
            .map(|row| (text(&row["id"]), row["version"].as_i64().unwrap_or_default()))
            .collect();
        self.judge_products(&products);
        self.read_all(versions.clone()).await;
        self.judge_images().await?;
        self.judge_cache(&versions).await?;
        self.judge_obituaries().await
    }

    fn judge_products(&self, rows: &[Value]) {
        let state = self.model.state();
        let evidence = &self.evidence;
        let mut by_key: HashMap<String, Vec<String>> = HashMap::new();
        let mut by_id = HashMap::new();
        for row in rows {
            let (id, key) = (text(&row["id"]), text(&row["metadata"]["key"]));
            if key.is_empty() {
                continue; // a canary
            }
            by_key.entry(key).or_default().push(id.clone());
            by_id.insert(id, row);
        }
        for (key, ids) in &by_key {
            let known = state.keys.get(key);
            let fits =
                ids.len() == 1 && known.is_some_and(|known| known.as_ref().is_none_or(|id| *id == ids[0]));
            evidence.check(Promise::OneProductPerKey, fits, || {
                format!("{key} made {ids:?}, and {known:?} was answered")
            });
        }
        for (id, product) in &state.products {
            let row = by_id.get(id);
            let may_be_gone = product.deletes > 0;
            evidence.check(Promise::NothingLost, row.is_some() || may_be_gone, || {
                format!("{id} was acknowledged, never deleted, and is not there")
            });
            let Some(row) = row else { continue };
            evidence.check(Promise::NothingLost, product.gone.is_none(), || {
                format!("{id} was deleted, and is there")
            });
            let (version, floor) = (
                row["version"].as_i64().unwrap_or_default(),
                product.floor(Instant::now()),
            );
            let contradiction = product.contradiction(version, &row["metadata"]);
            evidence.check(
                Promise::NothingLost,
                version >= floor && contradiction.is_none(),
                || format!("{id} is at {version} after {floor} was acknowledged: {contradiction:?}"),
            );
        }
    }

    /// Everything is read through both apis.
    async fn read_all(&self, versions: HashMap<String, i64>) {
        let mut readers = JoinSet::new();
        let versions: Arc<Vec<_>> = Arc::new(versions.into_iter().collect());
        for reader in 0..READERS {
            let (versions, client) = (Arc::clone(&versions), Arc::clone(&self.client));
            let (model, evidence) = (Arc::clone(&self.model), Arc::clone(&self.evidence));
            readers.spawn(async move {
                for (id, version) in versions.iter().skip(reader).step_by(READERS) {
                    for api in 0..2 {
                        read(&client, &model, &evidence, api, id, *version).await;
                    }
                }
            });
        }
        readers.join_all().await;
    }

    async fn judge_images(&self) -> Result<(), String> {
        let query = "SELECT id, product_id, source_url, status, generation, attempts, error_code, variants FROM images";
        for row in rows(&self.stage, query).await? {
            let (url, status) = (text(&row["source_url"]), text(&row["status"]));
            let Some((source, expected, is_mended)) = self.sources.judge(&url) else {
                continue;
            };
            if is_mended && !self.is_mended {
                continue; // it may have been given up before
            }
            let code = text(&row["error_code"]);
            let hits = self.sources.hits(&url);
            let holds = match expected {
                _ if code == "processing_crashed" && self.has_killed(&text(&row["id"])) => {
                    self.figures.note(
                        "pictures that failed as processing_crashed, killed three times",
                        1,
                    );
                    true
                }
                Expected::Ready => status == "ready",
                Expected::Failed(codes) => status == "failed" && codes.contains(&code.as_str()),
            };
            self.evidence.check(Promise::PicturesEnd, holds, || {
                format!(
                    "image {} of {}, source {source:?} (mended {is_mended}, asked {hits} times), is {status} {code}, \
                     generation {}, attempts {}",
                    row["id"], row["product_id"], row["generation"], row["attempts"]
                )
            });
            let folder = format!("variants/{}/{}/", text(&row["id"]), row["generation"]);
            let variants = row["variants"].as_array();
            let mut keys = variants
                .into_iter()
                .flatten()
                .map(|variant| text(&variant["key"]));
            let strange = keys.find(|key| !key.starts_with(&folder));
            self.evidence.check(Promise::ObjectsMatch, strange.is_none(), || {
                format!("{strange:?} does not lie in {folder}")
            });
        }
        Ok(())
    }

    /// An entry is a kind, a version of eight bytes, and a body.
    async fn judge_cache(&self, versions: &HashMap<String, i64>) -> Result<(), String> {
        let stage = Arc::clone(&self.stage);
        let entries = spawn_blocking(move || stage.redis.entries()).await;
        let entries = entries
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        for (key, value) in entries.iter().filter(|(key, _)| key.contains(":product:")) {
            let Some((kind, version)) = value
                .split_first()
                .and_then(|(kind, rest)| Some((*kind, rest.first_chunk()?)))
            else {
                continue;
            };
            let (version, id) = (
                i64::from_be_bytes(*version),
                key.rsplit(':').next().unwrap_or_default(),
            );
            let row = versions.get(id).copied();
            let fresh = match kind {
                b'p' => row.is_some_and(|row| version >= row),
                b'n' => row.is_none(),
                _ => true,
            };
            self.evidence.check(Promise::CacheIsFresh, fresh, || {
                format!(
                    "{id} lies as {} {version} in Redis, and its row is at {row:?}",
                    kind as char
                )
            });
        }
        Ok(())
    }

    /// Whatever ended badly on the way had to, though a replay may have mended it since.
    async fn judge_obituaries(&self) -> Result<(), String> {
        let left = self
            .stage
            .broker
            .queue_depth(&self.stage.broker.names().dead())
            .await;
        self.figures
            .note("dead letters in the end", left.unwrap_or_default().into());
        // The picture of a deleted product is not known any more, nor is its source.
        let urls: HashMap<String, String> = rows(&self.stage, "SELECT id, source_url FROM images")
            .await?
            .iter()
            .map(|row| (text(&row["id"]), text(&row["source_url"])))
            .collect();
        let source = |image: &str| {
            urls.get(image)
                .and_then(|url| self.sources.judge(url))
                .map(|judged| judged.0)
        };
        self.figures
            .note("dead letters on the way", self.obituaries.letters.len() as u64);
        for (_, letter) in &self.obituaries.letters {
            let source = source(&letter.correlation_id);
            let explained =
                letter.type_name == "image.process.v1" && source.is_none_or(Source::leaves_a_dead_letter);
            let explained = explained || self.has_killed(&letter.correlation_id);
            if is_unsettled(letter) {
                self.figures.note("jobs given up as never settled", 1);
            }
            self.evidence.check(Promise::DeadLettersExplained, explained, || {
                let (kind, image, why) = (&letter.type_name, &letter.correlation_id, &letter.dead_reason);
                format!("{kind} of {image} ({source:?}): {why:?}")
            });
        }
        for (image, code) in &self.obituaries.failures {
            let Some(source) = source(image) else { continue };
            let holds = match source.expected() {
                _ if code == "processing_crashed" => self.has_killed(image),
                Expected::Failed(codes) => codes.contains(&code.as_str()),
                Expected::Ready => false,
            };
            self.evidence.check(Promise::PicturesEnd, holds, || {
                format!("image {image}, source {source:?}, was said to have failed: {code}")
            });
        }
        Ok(())
    }

    /// Whether a job of a picture was given up because each of its starts ended with its process: workers were killed
    /// often enough shortly before.
    fn has_killed(&self, image_id: &str) -> bool {
        let mut letters = self.obituaries.letters.iter();
        letters.any(|(seen, letter)| {
            let kills = self.worker_kills.iter().filter(|kill| {
                seen.checked_duration_since(**kill)
                    .is_some_and(|before| before < KILLS_WITHIN)
            });
            letter.correlation_id == image_id && is_unsettled(letter) && kills.count() >= 3
        })
    }
}

fn is_unsettled(letter: &Copied) -> bool {
    let reason = letter.dead_reason.as_deref().unwrap_or_default();
    letter.type_name == "image.process.v1" && reason.contains("never settled")
}

async fn read(client: &Client, model: &Model, evidence: &Evidence, api: usize, id: &str, version: i64) {
    let path = format!("/products/{id}");
    let call = Call::new(Operation::Get, Method::GET, &path);
    let answer = match client.call(api, call).await {
        Outcome::Answer(answer) if answer.status == 200 => answer,
        other => return evidence.broken(Promise::NothingLost, || format!("{id} cannot be read: {other:?}")),
    };
    let shown = model.shown(id, &answer.body, &answer, version, true);
    evidence.check(Promise::NothingLost, shown == version, || {
        format!("{id} is read at version {shown} and lies at {version}")
    });
}
