//! What is to be made of a picture.

use std::collections::BTreeMap;

use domain::ImageFormat;
use serde::{Deserialize, Serialize};

/// What is to be made of a picture: every variant in every format that is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderProfile {
    /// More than this is refused before decoding. Decoding may take as many bytes as four times this number.
    pub max_pixels: u64,
    /// Red, green and blue of what shows through where a format knows no transparency.
    pub background: [u8; 3],
    /// The renditions to make.
    pub variants: Vec<VariantProfile>,
    /// How JPEG is written.
    pub jpeg: JpegProfile,
    /// How WebP is written.
    pub webp: WebpProfile,
    /// How AVIF is written.
    pub avif: AvifProfile,
}

/// One rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantProfile {
    /// Its name.
    pub name: String,
    /// Pixels of the box.
    pub width: u32,
    /// Pixels of the box.
    pub height: u32,
    /// How a picture comes into the box. None is ever enlarged.
    pub fit: Fit,
    /// What it is written as, each format once. Of those that are read, only JPEG and WebP are written; AVIF is too.
    pub formats: Vec<ImageFormat>,
}

/// How a picture comes into a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fit {
    /// Whole, with its own proportions; a smaller picture keeps its size.
    Contain,
    /// In the proportions of the box, cut evenly at both ends of what is too long; of a picture that is smaller than the
    /// box, as much as it has of those proportions.
    Cover,
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

/// How AVIF is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvifProfile {
    /// From 1 to 100.
    pub quality: u8,
    /// From 1 (small) to 10 (fast).
    pub speed: u8,
}

/// How single variants are written, by their names, where that is not as the profile has it for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning(BTreeMap<String, VariantTuning>);

/// How one variant is written; what is none is as the profile has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantTuning {
    /// How JPEG is written.
    pub jpeg: Option<JpegProfile>,
    /// How WebP is written.
    pub webp: Option<WebpProfile>,
    /// How AVIF is written.
    pub avif: Option<AvifProfile>,
}

impl Tuning {
    /// What the variant of this name has of its own.
    pub(crate) fn of(&self, variant: &str) -> VariantTuning {
        self.0.get(variant).copied().unwrap_or_default()
    }
}

impl FromIterator<(String, VariantTuning)> for Tuning {
    fn from_iter<I: IntoIterator<Item = (String, VariantTuning)>>(variants: I) -> Self {
        Self(variants.into_iter().collect())
    }
}
