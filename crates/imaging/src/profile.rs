//! What is to be made of a picture.

use serde::{Deserialize, Serialize};

/// What is to be made of a picture: every variant in every format that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderProfile {
    /// More than this is refused before decoding. Decoding may take as many bytes as four times this number.
    pub max_pixels: u64,
    /// Red, green and blue of what shows through where a format knows no transparency.
    pub background: [u8; 3],
    /// The renditions to make.
    pub variants: Vec<VariantProfile>,
    /// How JPEG is written; not at all where it is absent.
    pub jpeg: Option<JpegProfile>,
    /// How WebP is written; not at all where it is absent.
    pub webp: Option<WebpProfile>,
}

/// One rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantProfile {
    /// Its name.
    pub name: String,
    /// Pixels; a picture that is smaller keeps its size.
    pub longest_edge: u32,
}

/// How JPEG is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JpegProfile {
    /// From 1 to 100.
    pub quality: u8,
}

/// How lossy WebP is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebpProfile {
    /// From 1 to 100.
    pub quality: u8,
    /// The encoder's effort, from 0 (fast) to 6 (small).
    pub method: u8,
}

impl RenderProfile {
    /// The longest edge of the largest variant.
    pub(crate) fn largest_edge(&self) -> u32 {
        self.variants
            .iter()
            .map(|variant| variant.longest_edge)
            .max()
            .unwrap_or(1)
    }
}
