//! What a worker and its renderers say to each other, and what of it the worker believes.

use std::{collections::HashSet, error::Error};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{ImageErrorCode, Placeholder};
use imaging::{ImagingError, RenderProfile, Rendered, Tuning};
use serde::{Deserialize, Serialize};

use super::{frame::FrameError, limits::ChildLimits};

/// Encoded, a pixel never takes more; nor does a file's frame take more than [`FILE_OVERHEAD`].
const BYTES_PER_PIXEL: u64 = 4;
const FILE_OVERHEAD: u64 = 64 << 10;
/// Characters that words of a renderer may have.
const WORDS_MAX: usize = 500;
/// Bytes that a thumbhash has at most, before Base64.
const THUMBHASH_MAX: usize = 25;

/// The first frame to a renderer; [`super::Confinement`] is the answer, and pictures follow, each the body of a frame
/// whose head is empty.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// What is to be made of every picture.
    pub(super) profile: RenderProfile,
    /// How of that single variants are written.
    pub(super) tuning: Tuning,
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
    let pixels = u64::from(rendered.width) * u64::from(rendered.height);
    if pixels == 0 || pixels > profile.max_pixels {
        return Err(FrameError::Absurd("a picture of a size that is not accepted"));
    }
    let mut seen = HashSet::new();
    for (variant, length) in rendered.variants.iter().zip(lengths) {
        let mut known = profile.variants.iter();
        let Some(known) =
            known.find(|known| known.name == variant.name && known.formats.contains(&variant.format))
        else {
            return Err(FrameError::Absurd("a variant that was not asked for"));
        };
        if !seen.insert((variant.name.as_str(), variant.format)) {
            return Err(FrameError::Absurd("a variant that comes twice"));
        }
        if *length == 0
            || !(1..=known.width).contains(&variant.width)
            || !(1..=known.height).contains(&variant.height)
        {
            return Err(FrameError::Absurd(
                "a variant that is empty, or larger than its box",
            ));
        }
    }
    let asked: usize = profile.variants.iter().map(|variant| variant.formats.len()).sum();
    if seen.len() < asked {
        return Err(FrameError::Absurd("fewer variants than were asked for"));
    }
    check_placeholder(&rendered.placeholder)
}

/// Both texts end up in web pages.
fn check_placeholder(placeholder: &Placeholder) -> Result<(), FrameError> {
    let thumbhash = STANDARD.decode(&placeholder.thumbhash).unwrap_or_default();
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_colour = match placeholder.color.as_bytes() {
        [b'#', digits @ ..] => digits.len() == 6 && digits.iter().copied().all(is_digit),
        _ => false,
    };
    if !(1..=THUMBHASH_MAX).contains(&thumbhash.len()) || !is_colour {
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

    type Change = fn(&mut Rendered);

    fn rendered() -> Rendered {
        let variant = |format| RenderedVariant {
            name: "large".to_owned(),
            format,
            width: 100,
            height: 1,
            bytes: Vec::new(),
        };
        Rendered {
            width: 1_000,
            height: 10,
            format: ImageFormat::Png,
            animated: false,
            placeholder: Placeholder {
                thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
                color: "#aabbcc".to_owned(),
            },
            variants: [ImageFormat::Jpeg, ImageFormat::WebP].map(variant).to_vec(),
            timings: StepTimings::default(),
        }
    }

    #[test]
    fn only_what_was_asked_for_is_an_answer() {
        let is_taken = |lengths: &[u32], body| check(&profile(), &rendered(), lengths, body).is_ok();
        assert!(is_taken(&[5, 2], 7));
        assert!(!is_taken(&[5, 2], 8), "bytes of nobody");
        assert!(!is_taken(&[5, 1, 1], 7), "one length too many");
        assert!(!is_taken(&[7, 0], 7), "an empty file");

        let absurd: [(&str, Change); 10] = [
            ("none", |it| it.variants.clear()),
            ("one too few", |it| drop(it.variants.pop())),
            ("one twice", |it| it.variants[1] = it.variants[0].clone()),
            ("a format of its own", |it| {
                it.variants[0].format = ImageFormat::Avif;
            }),
            ("a name of its own", |it| {
                it.variants[0].name = "../originals/x".to_owned();
            }),
            ("no width", |it| it.variants[0].width = 0),
            ("wider than its box", |it| it.variants[0].width = 101),
            ("higher than its box", |it| it.variants[0].height = 101),
            ("no picture", |it| it.height = 0),
            ("a picture too large", |it| it.height = 1_001),
        ];
        for (name, change) in absurd {
            let mut answer = rendered();
            change(&mut answer);
            let lengths = vec![2; answer.variants.len()];
            let body = 2 * lengths.len();
            assert!(check(&profile(), &answer, &lengths, body).is_err(), "{name}");
        }
    }

    #[test]
    fn a_placeholder_is_a_thumbhash_and_a_colour_and_nothing_else() {
        let check = |thumbhash: &str, color: &str| {
            check_placeholder(&Placeholder {
                thumbhash: thumbhash.to_owned(),
                color: color.to_owned(),
            })
        };
        assert!(check("1QcSHQRnh493V4dIh4eXh1h4kJUI", "#0a1b2c").is_ok());
        for color in [
            "", "red", "#abc", "#AABBCC", "#aabbccd", "#aabbcg", "#aab\"><", "0aabbcc",
        ] {
            assert!(check("1QcS", color).is_err(), "{color}");
        }
        let long = STANDARD.encode([7; THUMBHASH_MAX + 1]);
        for thumbhash in ["", "1Qc", "javascript:", long.as_str()] {
            assert!(check(thumbhash, "#aabbcc").is_err(), "{thumbhash}");
        }
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
