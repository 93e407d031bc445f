//! The whole way of a picture.

use std::time::{Duration, Instant};

use domain::{ImageFormat, Placeholder};
use serde::{Deserialize, Serialize};

use crate::{
    colour, decode, encode,
    error::{ImagingError, shielded},
    limits, orient,
    pixels::Pixels,
    placeholder,
    probe::{Probe, probe},
    profile::RenderProfile,
    resize,
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
    /// Every variant in every format, the largest first.
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
/// See [`ImagingError`]. A decoder that panics has met a damaged picture.
pub fn render(bytes: &[u8], profile: &RenderProfile) -> Result<Rendered, ImagingError> {
    shielded(|| run(bytes, profile))
}

fn run(bytes: &[u8], profile: &RenderProfile) -> Result<Rendered, ImagingError> {
    let probe = probe(bytes)?;
    limits::check(&probe, profile.max_pixels)?;
    let mut timings = StepTimings::default();
    let decoded = timed(&mut timings.decode, || {
        decode::decode(bytes, &probe, profile.largest_edge())
    })?;
    let steps = steps(&probe, profile);
    let mut current = timed(&mut timings.resize, || first_step(&decoded, &probe, &steps))?;
    drop(decoded);
    let mut variants = Vec::new();
    for step in steps {
        current = timed(&mut timings.resize, || resize::scale(&current, step.size))?;
        let files = timed(&mut timings.encode, || encode::encode(&current, profile))?;
        for name in step.names {
            variants.extend(files.iter().map(|(format, bytes)| RenderedVariant {
                name: name.to_owned(),
                format: *format,
                width: current.width,
                height: current.height,
                bytes: bytes.clone(),
            }));
        }
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

/// A size, with the variants that have it; small pictures have one size for several.
struct Step<'a> {
    size: (u32, u32),
    names: Vec<&'a str>,
}

/// The sizes to go through, each made from the next larger one.
fn steps<'a>(probe: &Probe, profile: &'a RenderProfile) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut variants: Vec<_> = profile.variants.iter().collect();
    variants.sort_by_key(|variant| std::cmp::Reverse(variant.longest_edge));
    for variant in variants {
        let size = resize::fit(probe.width, probe.height, variant.longest_edge);
        match steps.last_mut() {
            Some(last) if last.size == size => last.names.push(&variant.name),
            _ => steps.push(Step {
                size,
                names: vec![&variant.name],
            }),
        }
    }
    steps
}

/// Scales to the first size, and only then turns and converts: there are fewer pixels by then.
fn first_step(decoded: &Pixels, probe: &Probe, steps: &[Step<'_>]) -> Result<Pixels, ImagingError> {
    let (width, height) = steps
        .first()
        .map_or((probe.width, probe.height), |step| step.size);
    let stored = if orient::swaps_edges(probe.orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let upright = orient::upright(resize::scale(decoded, stored)?, probe.orientation);
    Ok(colour::to_srgb(upright, probe.icc_profile.as_deref()))
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *sum += begun.elapsed();
    result
}
