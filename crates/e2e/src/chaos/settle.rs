//! Waiting until nothing is under way any more.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;

use super::{
    evidence::{Evidence, Promise},
    model::text,
    resources::management,
    stage::Stage,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// What is still under way.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Pictures that have not ended: image, status, source.
    pub images: Vec<String>,
    /// Rows of the outbox, by work.
    pub outbox: Vec<String>,
    /// Queues that are not empty.
    pub queues: Vec<String>,
    /// Objects that no row names.
    pub orphans: BTreeSet<String>,
    /// Objects that a row names and that are not there.
    pub missing: BTreeSet<String>,
    /// What could not be looked at.
    pub blind: Vec<String>,
}

impl Waiting {
    fn is_over(&self) -> bool {
        self.images.is_empty()
            && self.outbox.is_empty()
            && self.queues.is_empty()
            && self.orphans.is_empty()
            && self.missing.is_empty()
            && self.blind.is_empty()
    }
}

/// Waits at most `patience` until nothing waits; the seconds that took, and what still waits.
pub async fn settle(stage: &Stage, patience: Duration) -> (f64, Waiting) {
    let begun = Instant::now();
    loop {
        let waiting = look(stage).await;
        if waiting.is_over() || begun.elapsed() > patience {
            return (begun.elapsed().as_secs_f64(), waiting);
        }
        sleep(PAUSE).await;
    }
}

/// Judges what still waits when all should be over.
pub fn judge(waiting: &Waiting, evidence: &Evidence) {
    let none = |promise, list: &[String], what: &str| {
        let first: Vec<_> = list.iter().take(10).collect();
        evidence.check(promise, list.is_empty(), || {
            format!("{} {what}, such as {first:?}", list.len())
        });
    };
    none(Promise::PicturesEnd, &waiting.images, "pictures have not ended");
    none(
        Promise::NothingWaits,
        &waiting.outbox,
        "kinds of rows are left in the outbox",
    );
    none(Promise::NothingWaits, &waiting.queues, "queues are not empty");
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    none(
        Promise::ObjectsMatch,
        &list(&waiting.orphans),
        "objects belong to no row",
    );
    none(
        Promise::ObjectsMatch,
        &list(&waiting.missing),
        "objects that rows name are not there",
    );
    none(
        Promise::NothingWaits,
        &waiting.blind,
        "parts could not be looked at",
    );
}

async fn look(stage: &Stage) -> Waiting {
    let mut waiting = Waiting::default();
    let unfinished = "SELECT id, product_id, status, generation, attempts, source_url FROM images \
                      WHERE status IN ('pending', 'processing')";
    match rows(stage, unfinished).await {
        Ok(found) => waiting.images = found.iter().map(Value::to_string).collect(),
        Err(error) => waiting.blind.push(error),
    }
    let outbox = "SELECT work, count(*) AS rows, min(created_at) AS oldest FROM outbox GROUP BY work";
    match rows(stage, outbox).await {
        Ok(found) => waiting.outbox = found.iter().map(Value::to_string).collect(),
        Err(error) => waiting.blind.push(error),
    }
    if waiting.images.is_empty() && waiting.outbox.is_empty() {
        look_at_queues(stage, &mut waiting).await;
        look_at_objects(stage, &mut waiting).await;
    }
    waiting
}

/// Unacknowledged messages count, too, so it is RabbitMQ itself that is asked.
async fn look_at_queues(stage: &Stage, waiting: &mut Waiting) {
    let columns = "/api/queues?columns=name,messages,messages_unacknowledged";
    let Some(queues) = management(columns).await else {
        waiting.blind.push("the queues".to_owned());
        return;
    };
    let names = stage.broker.names();
    for queue in queues.as_array().into_iter().flatten() {
        let name = text(&queue["name"]);
        let is_ours = name.starts_with(&format!("{}.", stage.broker.prefix()));
        let is_work = is_ours && name != names.dead() && !name.ends_with(".spy");
        if is_work && queue["messages"].as_u64() != Some(0) {
            waiting.queues.push(queue.to_string());
        }
    }
}

async fn look_at_objects(stage: &Stage, waiting: &mut Waiting) {
    let keys = "SELECT variant->>'key' AS key FROM images, jsonb_array_elements(variants) AS variant";
    let named: BTreeSet<_> = match rows(stage, keys).await {
        Ok(found) => found.iter().map(|row| text(&row["key"])).collect(),
        Err(error) => return waiting.blind.push(error),
    };
    let stored: BTreeSet<_> = stage.bucket.keys("variants/").await.into_iter().collect();
    waiting.orphans = stored.difference(&named).cloned().collect();
    waiting.missing = named.difference(&stored).cloned().collect();
}

/// The rows of a query, read.
///
/// # Errors
/// Where PostgreSQL does not give them.
pub async fn rows(stage: &Stage, query: &str) -> Result<Vec<Value>, String> {
    let rows = stage.database.rows(query).await;
    let rows = rows.map_err(|error| format!("the rows: {error:?}"))?;
    Ok(rows
        .iter()
        .filter_map(|row| serde_json::from_str(row).ok())
        .collect())
}
