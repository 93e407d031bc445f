//! `limits`: how often somebody may call.

use super::section::Section;

/// How often one key, or one address, may call.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests a second in the long run; 0 where there is no limit.
    pub rate: u32,
    /// Requests at once after a rest.
    pub burst: u32,
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            rate: section.number("rate", "a number of requests a second", 0..=1_000_000),
            burst: section.number("burst", "a number of requests", 1..=1_000_000),
        }
    }
}
