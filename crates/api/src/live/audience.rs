//! Those who watch the same.

use std::sync::Arc;

use domain::Change;
use tokio::sync::mpsc::{self, error::TrySendError};

/// Streams that were ended because their reader was too slow.
pub(super) const TOO_SLOW: &str = "live_streams_too_slow_total";

/// Those who watch the same.
#[derive(Default)]
pub(super) struct Audience(Vec<Watcher>);

pub(super) struct Watcher {
    pub(super) id: u64,
    pub(super) sender: mpsc::Sender<Arc<Change>>,
}

impl Audience {
    pub(super) fn join(&mut self, watcher: Watcher) {
        self.0.push(watcher);
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.0.retain(|watcher| watcher.id != id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells everybody. Who has not taken what was told before is sent away.
    pub(super) fn tell(&mut self, change: &Arc<Change>) {
        self.0.retain(|watcher| {
            let told = watcher.sender.try_send(Arc::clone(change));
            if let Err(TrySendError::Full(_)) = told {
                metrics::counter!(TOO_SLOW).increment(1);
            }
            told.is_ok()
        });
    }
}
