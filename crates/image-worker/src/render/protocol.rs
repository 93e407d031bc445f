//! What a worker and its renderers say to each other, and what of it the worker believes.

use std::{collections::HashSet, error::Error};

use domain::ImageErrorCode;
use imaging::{ImagingError, RenderProfile, Rendered};
use serde::{Deserialize, Serialize};

use super::{frame::FrameError, limits::ChildLimits};

/// Encoded, a pixel never takes more; nor does a file's frame take more than [`FILE_OVERHEAD`].
const BYTES_PER_PIXEL: u64 = 4;
const FILE_OVERHEAD: u64 = 64 << 10;
/// Characters that words of a renderer may have.
const WORDS_MAX: usize = 500;
/// A thumbhash has at most 25 bytes, which Base64 makes 36 of.
const THUMBHASH_MAX: usize = 64;

/// The first frame to a renderer; [`super::Confinement`] is the answer, and pictures follow, each the body of a frame
/// whose head is empty.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// What is to be made of every picture.
    pub(super) profile: RenderProfile,
    /// What none may take more of.
    pub(super) limits: ChildLimits,
}

/// The answer to a picture.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The variants, without their bytes, which are the body: as many as `lengths` say, one after the other.
    Rendered { rendered: Rendered, lengths: Vec<u32> },
    /// There are none.
    Refused(Refusal),
}

/// What is wrong with a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// The stable word for it.
    pub(super) code: ImageErrorCode,
    /// For its owner.
    pub(super) detail: String,
    /// For the operator.
    pub(super) cause: Option<String>,
}

impl From<ImagingError> for Refusal {
    fn from(error: ImagingError) -> Self {
        Self {
            code: error.code(),
            detail: shortened(error.to_string()),
            cause: error.source().map(|source| shortened(source.to_string())),
        }
    }
}

/// What the decoder of a hostile picture says may be as long as that picture likes.
fn shortened(words: String) -> String {
    match words.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => words[..end].to_owned(),
        None => words,
    }
}

/// Bytes that the variants of one picture have at most, taken together.
pub(super) fn answer_max(profile: &RenderProfile) -> usize {
    let bytes = profile.variants.iter().fold(0_u64, |sum, variant| {
        let formats = variant.formats.len() as u64;
        let area = u64::from(variant.width) * u64::from(variant.height);
        let pixels = profile.max_pixels.min(area);
        let file = pixels
            .saturating_mul(BYTES_PER_PIXEL)
            .saturating_add(FILE_OVERHEAD);
        sum.saturating_add(file.saturating_mul(formats))
    });
    usize::try_from(bytes)
        .unwrap_or(usize::MAX)
        .min(u32::MAX as usize)
}

/// Refuses an answer that does not fit what was asked for. A renderer is at the mercy of the pictures it has read, and
/// names become keys in the bucket.
pub(super) fn check(
    profile: &RenderProfile,
    rendered: &Rendered,
    lengths: &[u32],
    body: usize,
) -> Result<(), FrameError> {
    let sum: u64 = lengths.iter().copied().map(u64::from).sum();
    if lengths.len() != rendered.variants.len() || sum != body as u64 {
        return Err(FrameError::Absurd("its variants and their bytes differ"));
    }
    let mut seen = HashSet::new();
    for variant in &rendered.variants {
        let mut known = profile.variants.iter();
        let is_known =
            known.any(|known| known.name == variant.name && known.formats.contains(&variant.format));
        if !is_known || !seen.insert((variant.name.as_str(), variant.format)) {
            return Err(FrameError::Absurd("a variant that was not asked for"));
        }
    }
    let placeholder = &rendered.placeholder;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if placeholder.thumbhash.len() > THUMBHASH_MAX
        || placeholder.color.len() > THUMBHASH_MAX
        || !is_plain(&placeholder.thumbhash)
        || !is_plain(&placeholder.color)
    {
        return Err(FrameError::Absurd("a placeholder that is none"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{ImageFormat, Placeholder};
    use imaging::{AvifProfile, Fit, JpegProfile, RenderedVariant, StepTimings, VariantProfile, WebpProfile};

    use super::*;

    fn profile() -> RenderProfile {
        RenderProfile {
            max_pixels: 1_000_000,
            background: [255; 3],
            variants: vec![VariantProfile {
                name: "large".to_owned(),
                width: 100,
                height: 100,
                fit: Fit::Contain,
                formats: vec![ImageFormat::Jpeg, ImageFormat::WebP],
            }],
            jpeg: JpegProfile { quality: 80 },
            webp: WebpProfile {
                quality: 80,
                method: 2,
            },
            avif: AvifProfile {
                quality: 65,
                speed: 10,
            },
        }
    }

    fn rendered(names: &[&str]) -> Rendered {
        let variant = |name: &&str| RenderedVariant {
            name: (*name).to_owned(),
            format: ImageFormat::Jpeg,
            width: 1,
            height: 1,
            bytes: Vec::new(),
        };
        Rendered {
            width: 1,
            height: 1,
            format: ImageFormat::Png,
            animated: false,
            placeholder: Placeholder {
                thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
                color: "#aabbcc".to_owned(),
            },
            variants: names.iter().map(variant).collect(),
            timings: StepTimings::default(),
        }
    }

    #[test]
    fn only_what_was_asked_for_is_an_answer() {
        let verdict = |names: &[&str], lengths: &[u32], body| {
            check(&profile(), &rendered(names), lengths, body).is_ok()
        };
        assert!(verdict(&["large"], &[5], 5));
        assert!(verdict(&[], &[], 0));
        assert!(!verdict(&["large"], &[5], 6), "bytes of nobody");
        assert!(!verdict(&["large"], &[5, 1], 6), "one length too many");
        let mut other = rendered(&["large"]);
        other.variants[0].format = ImageFormat::Avif;
        assert!(check(&profile(), &other, &[5], 5).is_err(), "a format of its own");
        assert!(!verdict(&["../originals/x"], &[5], 5), "a name of its own");
        assert!(!verdict(&["large", "large"], &[5, 5], 10), "one twice");
    }

    #[test]
    fn a_placeholder_is_short_and_plain() {
        let mut absurd = rendered(&[]);
        absurd.placeholder.color = "#aab\u{7f}".to_owned();
        assert!(check(&profile(), &absurd, &[], 0).is_err());
        absurd.placeholder.color = "#".repeat(THUMBHASH_MAX + 1);
        assert!(check(&profile(), &absurd, &[], 0).is_err());
    }

    #[test]
    fn an_answer_is_bounded_by_the_variants_and_by_the_pixels_of_the_largest_picture() {
        let mut wanted = profile();
        assert_eq!(answer_max(&wanted), 2 * (100 * 100 * 4 + (64 << 10)));
        (wanted.variants[0].width, wanted.variants[0].height) = (16_383, 16_383);
        assert_eq!(answer_max(&wanted), 2 * (1_000_000 * 4 + (64 << 10)));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(shortened("é".repeat(600)).chars().count(), WORDS_MAX);
        assert_eq!(shortened("short".to_owned()), "short");
    }
}
