//! What a caller receives: server-sent events, as the HTML standard defines them.

use std::{
    convert::Infallible,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::{ApiKeyId, Change, ChangeEvent};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use super::{
    seen::Seen,
    watchers::{ProductKey, Watch},
};
use crate::access::Access;

/// How often a stream asks whether its key is still good, at most.
const CHECK: Duration = Duration::from_secs(3);
/// What is sent where there is nothing to say, so that whoever stands between does not take the stream for dead.
const HEARTBEAT: &[u8] = b":\n\n";
/// Changes that are sent together.
const TOGETHER: usize = 32;
/// After how many milliseconds a caller who has lost the stream comes back, at least; up to as many again are added, so
/// that those of a process that ended do not come back together.
const RETRY_MS: u64 = 1_000;

/// A stream of events. It ends where the caller is to come back, or has nothing more to expect.
pub struct EventStream {
    watch: Watch,
    seen: Seen,
    /// What is sent first.
    opening: Option<String>,
    access: Access,
    key: Option<ApiKeyId>,
    heartbeat: Duration,
    tick: Interval,
    sent_at: Instant,
    is_over: bool,
}

/// Where a stream of a product begins.
pub(super) struct Start {
    /// The version that the product is of.
    pub(super) version: i64,
    /// The version that the caller has.
    pub(super) known: Option<i64>,
}

/// The data of an event: what changed. The rest is to be read.
#[derive(Serialize)]
struct Data {
    /// The product, or the picture where it is one that changed; as in what webhooks are told.
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<Uuid>,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

impl EventStream {
    pub(super) fn of_product(
        watch: Watch,
        (account, id): ProductKey,
        start: Start,
        access: Access,
        key: Option<ApiKeyId>,
        heartbeat: Duration,
    ) -> Self {
        let mut opening = format!("retry: {}\n\n", RETRY_MS + fastrand::u64(..RETRY_MS));
        let mut seen = Seen::up_to(start.version);
        if start.known != Some(start.version) {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, id, start.version);
            write_event(&mut opening, &change);
            // What lies between may still be told, by its own name.
            if let Some(known) = start.known.filter(|known| *known < start.version) {
                seen = Seen::up_to(known);
                seen.note(start.version);
            }
        }
        let mut tick = interval(CHECK.min(heartbeat));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            watch,
            seen,
            opening: Some(opening),
            access,
            key,
            heartbeat,
            tick,
            sent_at: Instant::now(),
            is_over: false,
        }
    }

    /// The bytes, as they come.
    pub fn into_bytes(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let bytes = events.next().await?;
            events.sent_at = Instant::now();
            Some((Ok(bytes), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening.into());
        }
        let mut changes = Vec::new();
        while !self.is_over {
            tokio::select! {
                biased;
                count = self.watch.changes.recv_many(&mut changes, TOGETHER) => {
                    // The process is about to end, or this stream was too slow.
                    if count == 0 {
                        return None;
                    }
                    let text = self.write(&changes);
                    if !text.is_empty() {
                        return Some(text.into());
                    }
                    changes.clear();
                }
                _ = self.tick.tick() => {
                    if let Some(key) = self.key && !self.access.is_still_good(key).await {
                        return None;
                    }
                    // One tick early rather than late.
                    if self.sent_at.elapsed() + self.tick.period() > self.heartbeat {
                        return Some(Bytes::from_static(HEARTBEAT));
                    }
                }
            }
        }
        None
    }

    fn write(&mut self, changes: &[Arc<Change>]) -> String {
        let mut text = String::new();
        for change in changes {
            if self.is_over {
                break;
            }
            self.is_over = change.event == ChangeEvent::ProductDeleted;
            // Where the row is found missing, its last version may be older than what was told.
            if self.seen.note(change.version) || self.is_over {
                write_event(&mut text, change);
            }
        }
        text
    }
}

fn write_event(text: &mut String, change: &Change) {
    let (id, product_id) = match change.image_id {
        Some(image) => (image.uuid(), Some(change.product_id.uuid())),
        None => (change.product_id.uuid(), None),
    };
    let data = Data {
        id,
        product_id,
        version: change.version,
        status: change.event.image_status().map(domain::ImageStatus::as_str),
    };
    // Neither can fail.
    let data = serde_json::to_string(&data).unwrap_or_default();
    let _ = write!(
        text,
        "event: {}\nid: {}\ndata: {data}\n\n",
        change.event, change.version
    );
}
