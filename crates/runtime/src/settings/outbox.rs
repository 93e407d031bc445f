//! `outbox`: what a transaction has left to be sent.

use std::time::Duration;

use super::section::Section;

/// What a transaction has left to be sent.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// Messages published at a time.
    pub batch_size: u32,
    /// The fallback when a notification was missed.
    pub poll_interval: Duration,
}

impl Outbox {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            batch_size: section.number("batch_size", "a number of messages", 1..=1000),
            poll_interval: section.duration(
                "poll_interval",
                Duration::from_millis(100)..=Duration::from_secs(60),
            ),
        }
    }
}
