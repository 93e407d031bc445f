//! How much rendering may take, of time and of memory.

use std::time::Duration;

use domain::ImageFormat;
use imaging::{Fit, RenderProfile, VariantProfile};
use serde::{Deserialize, Serialize};

/// For each pixel that is accepted: what decoding, turning and encoding hold at a time at the very worst. A picture of
/// 100 megapixels with alpha, written as WebP in its own size, took 1,849 MiB in all; a progressive CMYK JPEG holds its
/// coefficients, eight bytes, its pixels, four, and their conversion, three.
const ADDRESS_BYTES_PER_PIXEL: u64 = 18;
/// For each pixel of the greatest variant that is cut, beside the picture that it is cut from.
const ADDRESS_BYTES_PER_CUT_PIXEL: u64 = 4;
/// For each pixel of the greatest variant in AVIF: its encoder took 29 to 48 bytes, most for small pictures.
const ADDRESS_BYTES_PER_AVIF_PIXEL: u64 = 48;
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
    /// 256 MiB, the longest source, 18 bytes for each pixel that is accepted, 4 for each of the greatest cut and 48 for
    /// each of the greatest variant in AVIF.
    pub(super) fn new(limits: &RenderLimits, profile: &RenderProfile) -> Self {
        let greatest = |is_meant: fn(&VariantProfile) -> bool| {
            let meant = profile.variants.iter().filter(|variant| is_meant(variant));
            let pixels = meant.map(|variant| u64::from(variant.width) * u64::from(variant.height));
            pixels.max().unwrap_or(0).min(profile.max_pixels)
        };
        let cut = greatest(|variant| variant.fit == Fit::Cover);
        let avif = greatest(|variant| variant.formats.contains(&ImageFormat::Avif));
        let pixels = [
            (profile.max_pixels, ADDRESS_BYTES_PER_PIXEL),
            (cut, ADDRESS_BYTES_PER_CUT_PIXEL),
            (avif, ADDRESS_BYTES_PER_AVIF_PIXEL),
        ];
        let for_pixels =
            |sum: u64, (count, bytes): (u64, u64)| sum.saturating_add(count.saturating_mul(bytes));
        Self {
            address_space: pixels
                .into_iter()
                .fold(ADDRESS_BASE.saturating_add(limits.source_bytes), for_pixels),
            cpu_seconds: limits.deadline.as_secs().saturating_add(2),
            source_bytes: limits.source_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use imaging::{AvifProfile, JpegProfile, WebpProfile};

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn avif_and_cuts_add_to_what_a_renderer_may_take_as_far_as_pictures_reach() {
        let limits = RenderLimits {
            concurrency: 1,
            deadline: Duration::from_secs(30),
            source_bytes: MIB,
        };
        let address_space = |edge, fit, format| {
            let variant = VariantProfile {
                name: "one".to_owned(),
                width: edge,
                height: edge,
                fit,
                formats: vec![format],
            };
            let profile = RenderProfile {
                max_pixels: 1_000_000,
                background: [0; 3],
                variants: vec![variant],
                jpeg: JpegProfile { quality: 80 },
                webp: WebpProfile {
                    quality: 80,
                    method: 2,
                },
                avif: AvifProfile {
                    quality: 65,
                    speed: 9,
                },
            };
            ChildLimits::new(&limits, &profile).address_space - 257 * MIB
        };
        assert_eq!(address_space(100, Fit::Contain, ImageFormat::WebP), 18_000_000);
        assert_eq!(address_space(100, Fit::Contain, ImageFormat::Avif), 18_480_000);
        assert_eq!(address_space(100, Fit::Cover, ImageFormat::WebP), 18_040_000);
        assert_eq!(address_space(5_000, Fit::Cover, ImageFormat::Avif), 70_000_000);
    }
}
