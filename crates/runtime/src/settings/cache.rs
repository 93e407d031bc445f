//! `cache`: the cache of single products.

use std::time::Duration;

use super::section::Section;

/// The product cache.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Whether there is one.
    pub enabled: bool,
    /// How long an entry lives.
    pub ttl: Duration,
    /// An entry lives up to this much shorter, so that not all end at once. At most `ttl`.
    pub ttl_jitter: Duration,
    /// How long "there is no such product" is remembered. At most `ttl`.
    pub not_found_ttl: Duration,
    /// How many bytes of products one process holds in its own memory; 0: none.
    pub process_bytes: u64,
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self {
            enabled: section.flag("enabled"),
            ttl: section.duration("ttl", Duration::from_secs(1)..=day),
            ttl_jitter: section.duration("ttl_jitter", Duration::ZERO..=day),
            not_found_ttl: section.duration("not_found_ttl", Duration::ZERO..=day),
            process_bytes: section.bytes("process_bytes", 0..=64 << 30),
        }
    }
}
