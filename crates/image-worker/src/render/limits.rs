//! How much rendering may take, of time and of memory.

use std::time::Duration;

use imaging::RenderProfile;
use serde::{Deserialize, Serialize};

/// For each pixel that is accepted: what decoding, turning and encoding hold at a time at the very worst. A picture of
/// 100 megapixels with alpha, written as WebP in its own size, took 1,849 MiB in all; a progressive CMYK JPEG holds its
/// coefficients, eight bytes, its pixels, four, and their conversion, three.
const ADDRESS_BYTES_PER_PIXEL: u64 = 18;
/// For the program with its libraries, its stack, and what the allocator keeps aside.
const ADDRESS_BASE: u64 = 256 << 20;

/// What a [`super::Renderer`] works within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderLimits {
    /// Pictures at once, each in a process of its own.
    pub concurrency: usize,
    /// For one picture.
    pub deadline: Duration,
    /// Of one picture, as it comes.
    pub source_bytes: u64,
}

/// What a renderer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChildLimits {
    /// Bytes of address space, program and libraries included.
    pub(super) address_space: u64,
    /// Seconds of a processor for one picture. Time on the wall passes at least as fast and is watched by the worker;
    /// this holds where the worker stands still.
    pub(super) cpu_seconds: u64,
    /// Bytes of one picture, as it comes.
    pub(super) source_bytes: u64,
}

impl ChildLimits {
    /// 256 MiB, the longest source, and 18 bytes for each pixel that is accepted.
    pub(super) fn new(limits: &RenderLimits, profile: &RenderProfile) -> Self {
        let pixels = profile.max_pixels.saturating_mul(ADDRESS_BYTES_PER_PIXEL);
        Self {
            address_space: ADDRESS_BASE
                .saturating_add(limits.source_bytes)
                .saturating_add(pixels),
            cpu_seconds: limits.deadline.as_secs().saturating_add(2),
            source_bytes: limits.source_bytes,
        }
    }
}
