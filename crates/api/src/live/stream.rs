//! One stream, from its opening to its end.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::{Change, ChangeEvent};
use futures_util::{Stream, stream};
use storage_postgres::StorageError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::{
    event::{HEARTBEAT, write_event, write_retry},
    missed::Missed,
    recent::Recent,
    seen::Seen,
    watchers::Watch,
};
use crate::access::{Access, Pass};

/// How often a stream asks whether its key is still good, at most.
const CHECK: Duration = Duration::from_secs(3);
/// Changes that are sent together.
const TOGETHER: usize = 32;
/// Products of an account that a stream remembers to have told of. The outbox repeats a change within half a second.
const MEMORY: usize = 512;

/// A stream of events. It ends where the caller is to come back, or has nothing more to expect.
pub struct EventStream {
    watch: Watch,
    told: Told,
    /// What the caller has missed, to be told first.
    missed: Option<Missed>,
    /// What is sent before everything else.
    opening: Option<String>,
    reader: Reader,
    tick: Interval,
    sent_at: Instant,
    is_over: bool,
}

/// Who reads a stream.
pub(super) struct Reader {
    pub(super) access: Access,
    pub(super) pass: Pass,
    /// The longest silence.
    pub(super) heartbeat: Duration,
}

/// What a stream tells of, and what it has told.
pub(super) enum Told {
    /// One product.
    Product(Seen),
    /// All products of an account.
    Account(Recent),
}

impl Told {
    /// Nothing yet of an account.
    pub(super) fn of_account() -> Self {
        Self::Account(Recent::new(MEMORY))
    }
}

impl EventStream {
    /// One that begins with `opening`.
    pub(super) fn new(
        watch: Watch,
        told: Told,
        missed: Option<Missed>,
        opening: &str,
        reader: Reader,
    ) -> Self {
        let mut text = String::new();
        write_retry(&mut text);
        text.push_str(opening);
        let period = CHECK.min(reader.heartbeat);
        let mut tick = interval_at(tokio::time::Instant::now() + period, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            watch,
            told,
            missed,
            opening: Some(text),
            reader,
            tick,
            sent_at: Instant::now(),
            is_over: false,
        }
    }

    /// The bytes, as they come.
    pub fn into_bytes(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move {
            let text = events.next().await?;
            events.sent_at = Instant::now();
            Some((Ok(text.into()), events))
        })
    }

    async fn next(&mut self) -> Option<String> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if let Some(text) = self.catch_up().await {
            return Some(text);
        }
        let mut changes = Vec::new();
        while !self.is_over {
            tokio::select! {
                biased;
                // First, so that it comes to that however much there is to tell.
                _ = self.tick.tick() => {
                    if !self.reader.access.is_still_good(&self.reader.pass).await {
                        return None;
                    }
                    // One tick early rather than late.
                    if self.sent_at.elapsed() + self.tick.period() > self.reader.heartbeat {
                        return Some(HEARTBEAT.to_owned());
                    }
                }
                count = self.watch.changes.recv_many(&mut changes, TOGETHER) => {
                    // The process is about to end, or this stream was too slow.
                    if count == 0 {
                        return None;
                    }
                    let text = self.write(changes.iter().map(AsRef::as_ref));
                    if !text.is_empty() {
                        return Some(text);
                    }
                    changes.clear();
                }
            }
        }
        None
    }

    /// Some of what was missed; none where nothing is left of it, or the stream is over because it cannot be told.
    async fn catch_up(&mut self) -> Option<String> {
        while let Some(missed) = &mut self.missed {
            if !self.reader.access.is_still_good(&self.reader.pass).await {
                self.give_up(None);
                return None;
            }
            // What is to be told meanwhile waits, so that nobody goes on from a later time than this.
            let page = match missed.next().await {
                Ok(page) if !self.watch.changes.is_closed() => page,
                outcome => {
                    self.give_up(outcome.err());
                    return None;
                }
            };
            let Some(page) = page else {
                self.missed = None;
                break;
            };
            let text = self.write(&page);
            if !text.is_empty() {
                return Some(text);
            }
        }
        None
    }

    /// The caller comes back, and goes on from where this has left off.
    fn give_up(&mut self, error: Option<StorageError>) {
        if let Some(error) = error {
            tracing::debug!(%error, "what a stream has missed cannot be read; it ends");
        }
        self.missed = None;
        self.is_over = true;
    }

    fn write<'a>(&mut self, changes: impl IntoIterator<Item = &'a Change>) -> String {
        let mut text = String::new();
        for change in changes {
            match &mut self.told {
                Told::Product(seen) => {
                    self.is_over = change.event == ChangeEvent::ProductDeleted;
                    // Where the row is found missing, its last version may be older than what was told.
                    if seen.note(change.version) || self.is_over {
                        write_event(&mut text, change, Some(change.version));
                    }
                    if self.is_over {
                        break;
                    }
                }
                Told::Account(recent) => {
                    if recent.note(change.product_id, change.version) {
                        let id = change.changed_at.map(|time| time.timestamp_micros());
                        write_event(&mut text, change, id);
                    }
                }
            }
        }
        text
    }
}
