//! What is made of each photograph.

use domain::ImageFormat;
use imaging::{AvifProfile, Fit, JpegProfile, RenderProfile, VariantProfile, WebpProfile};

/// Longest edges in pixels, the largest first.
pub const EDGES: [u32; 3] = [1600, 800, 200];

const BOTH: [ImageFormat; 2] = [ImageFormat::Jpeg, ImageFormat::WebP];

/// How WebP is written where the goals are judged.
pub const THOROUGH: Job = Job {
    name: "JPEG 80 + WebP 80, effort 4",
    jpeg: 80,
    webp: Some(WebpProfile {
        quality: 80,
        method: 4,
    }),
};

/// What the settings make unless they are told otherwise.
pub const DEFAULT: Job = Job {
    name: "JPEG 80 + WebP 82, effort 2",
    jpeg: 80,
    webp: Some(WebpProfile {
        quality: 82,
        method: 2,
    }),
};

/// Without WebP.
pub const JPEG_ALONE: Job = Job {
    name: "JPEG 80 alone",
    jpeg: 80,
    webp: None,
};

/// Sizes are the same for all; formats and qualities differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// For tables.
    pub name: &'static str,
    /// The quality of JPEG.
    pub jpeg: u8,
    /// How WebP is written, if at all.
    pub webp: Option<WebpProfile>,
}

impl Job {
    /// Every job that renderers are compared by.
    pub const ALL: [Self; 3] = [THOROUGH, DEFAULT, JPEG_ALONE];

    /// Quality of JPEG, quality of WebP (0 for none) and its effort, as the programs take them.
    pub fn numbers(&self) -> [u8; 3] {
        match self.webp {
            Some(webp) => [self.jpeg, webp.quality, webp.method],
            None => [self.jpeg, 0, 0],
        }
    }

    /// What this project's renderer is asked for, by [`Job::numbers`].
    pub fn profile([jpeg, webp, method]: [u8; 3]) -> RenderProfile {
        RenderProfile {
            max_pixels: 100_000_000,
            background: [255; 3],
            variants: EDGES
                .map(|edge| variant(edge, if webp > 0 { &BOTH } else { &BOTH[..1] }))
                .to_vec(),
            jpeg: JpegProfile { quality: jpeg },
            webp: WebpProfile {
                quality: webp,
                method,
            },
            avif: AvifProfile {
                quality: 65,
                speed: 9,
            },
        }
    }
}

/// The variant of a longest edge, which is also its name.
pub fn variant(longest_edge: u32, formats: &[ImageFormat]) -> VariantProfile {
    VariantProfile {
        name: longest_edge.to_string(),
        width: longest_edge,
        height: longest_edge,
        fit: Fit::Contain,
        formats: formats.to_vec(),
    }
}
