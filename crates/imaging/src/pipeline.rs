//! The whole way of a picture.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use domain::{ImageFormat, Placeholder};
use serde::{Deserialize, Serialize};

use crate::{
    colour, decode,
    encode::{self, Encoding},
    error::{ImagingError, shielded},
    geometry::{self, Cut, Placement, Size},
    limits, orient,
    picture::Picture,
    placeholder,
    probe::{Probe, probe},
    profile::{RenderProfile, Tuning, VariantProfile},
};

/// What was made of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// Pixels of the original, upright.
    pub width: u32,
    /// Pixels of the original, upright.
    pub height: u32,
    /// Format of the original.
    pub format: ImageFormat,
    /// True where the original has further frames; the first is what was rendered.
    pub animated: bool,
    /// What a page shows until the picture has loaded.
    pub placeholder: Placeholder,
    /// Every variant in each of its formats; those of the largest scale first.
    pub variants: Vec<RenderedVariant>,
    /// Where the time went.
    pub timings: StepTimings,
}

/// One rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedVariant {
    /// The name from the profile.
    pub name: String,
    /// Its format.
    pub format: ImageFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimings {
    /// From bytes to pixels.
    pub decode: Duration,
    /// Scaling, turning and converting, over all variants.
    pub resize: Duration,
    /// From pixels to bytes, over all variants.
    pub encode: Duration,
}

/// Makes all variants of a picture.
///
/// # Errors
/// See [`ImagingError`]. A decoder that panics has met a damaged picture; an encoder that does so has a bug.
pub fn render(bytes: &[u8], profile: &RenderProfile) -> Result<Rendered, ImagingError> {
    render_tuned(bytes, profile, &Tuning::default())
}

/// The same, where single variants are written in ways of their own.
///
/// # Errors
/// As there.
pub fn render_tuned(
    bytes: &[u8],
    profile: &RenderProfile,
    tuning: &Tuning,
) -> Result<Rendered, ImagingError> {
    let probe = probe(bytes)?;
    limits::check(&probe, profile.max_pixels)?;
    let mut timings = StepTimings::default();
    let steps = steps(&probe, profile);
    let largest = steps.first().map_or((1, 1), |step| step.frame);
    let decoded = timed(&mut timings.decode, || {
        shielded(|| decode::decode(bytes, &probe, largest))
    })?;
    // The colour profile comes from the picture, too.
    let mut current = timed(&mut timings.resize, || {
        shielded(|| first_frame(decoded, &probe, largest))
    })?;
    let mut variants = Vec::new();
    for step in &steps {
        if current.size() != step.frame {
            current = timed(&mut timings.resize, || current.scaled(step.frame))?;
        }
        timed(&mut timings.encode, || {
            step.write(&current, profile, tuning, &mut variants)
        })?;
    }
    let placeholder = timed(&mut timings.resize, || {
        placeholder::make(&current, profile.background)
    })?;
    let Probe {
        width,
        height,
        format,
        animated,
        ..
    } = probe;
    Ok(Rendered {
        width,
        height,
        format,
        animated,
        placeholder,
        variants,
        timings,
    })
}

/// A size of the whole picture, with the variants that are cut from it.
struct Step<'a> {
    frame: Size,
    variants: Vec<(Cut, &'a VariantProfile)>,
}

/// The sizes to go through, each made from the next larger one.
fn steps<'a>(probe: &Probe, profile: &'a RenderProfile) -> Vec<Step<'a>> {
    let mut placed: Vec<_> = profile
        .variants
        .iter()
        .map(|variant| (geometry::place((probe.width, probe.height), variant), variant))
        .collect();
    placed.sort_by_key(|(Placement { frame, .. }, _)| Reverse(u64::from(frame.0) * u64::from(frame.1)));
    let mut steps: Vec<Step<'a>> = Vec::new();
    for (Placement { frame, cut }, variant) in placed {
        match steps.last_mut() {
            Some(last) if last.frame == frame => last.variants.push((cut, variant)),
            _ => steps.push(Step {
                frame,
                variants: vec![(cut, variant)],
            }),
        }
    }
    steps
}

impl Step<'_> {
    /// Writes the variants of this size. Small pictures have one cut for several, which is then written once for all that
    /// want it written in the same way.
    fn write(
        &self,
        whole: &Picture,
        profile: &RenderProfile,
        tuning: &Tuning,
        written: &mut Vec<RenderedVariant>,
    ) -> Result<(), ImagingError> {
        let mut files: Vec<(Cut, Encoding, Vec<u8>)> = Vec::new();
        for (cut, variant) in &self.variants {
            let part = whole.cut(*cut)?;
            for format in &variant.formats {
                let encoding = Encoding::of(*format, profile, tuning.of(&variant.name))?;
                let same = files.iter().find(|file| (file.0, file.1) == (*cut, encoding));
                let bytes = match same {
                    Some((_, _, bytes)) => bytes.clone(),
                    None => encode::encode(&part, encoding, profile.background)?,
                };
                if self.variants.len() > 1 {
                    files.push((*cut, encoding, bytes.clone()));
                }
                written.push(RenderedVariant {
                    name: variant.name.clone(),
                    format: *format,
                    width: cut.size.0,
                    height: cut.size.1,
                    bytes,
                });
            }
        }
        Ok(())
    }
}

/// Scales to the first size, and only then turns and converts: there are fewer pixels by then.
fn first_frame(decoded: Picture, probe: &Probe, frame: Size) -> Result<Picture, ImagingError> {
    let stored = orient::stored_size(frame, probe.orientation);
    let scaled = match decoded {
        Picture::Pixels(pixels) if pixels.size() == stored => Picture::Pixels(pixels),
        // Also where brightness has its size already: colour may not be at half of it.
        decoded => decoded.scaled(stored)?,
    };
    Ok(match scaled.upright(probe.orientation) {
        Picture::Pixels(pixels) => Picture::Pixels(colour::to_srgb(pixels, probe.icc_profile.as_deref())),
        planes @ Picture::Planes(_) => planes,
    })
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *sum += begun.elapsed();
    result
}
