//! Converts to sRGB, the colour space that every browser assumes where a file names none.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::pixels::{Channels, Pixels};

/// Converts a picture by its embedded profile. A profile that cannot be read is passed over, as browsers do.
pub(crate) fn to_srgb(pixels: Pixels, icc_profile: Option<&[u8]>) -> Pixels {
    let Some(source) = icc_profile.and_then(|icc| ColorProfile::new_from_slice(icc).ok()) else {
        return pixels;
    };
    match source.color_space {
        DataColorSpace::Rgb => from_rgb(pixels, &source),
        DataColorSpace::Gray => from_grey(pixels, &source),
        _ => pixels,
    }
}

fn from_rgb(pixels: Pixels, source: &ColorProfile) -> Pixels {
    let layout = match pixels.channels {
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
    };
    let target = ColorProfile::new_srgb();
    let Ok(transform) = source.create_transform_8bit(layout, &target, layout, TransformOptions::default())
    else {
        return pixels;
    };
    let mut data = vec![0; pixels.data.len()];
    match transform.transform(&pixels.data, &mut data) {
        Ok(()) => Pixels { data, ..pixels },
        Err(_) => pixels,
    }
}

/// A grey picture has been decoded to three equal channels; one that has not is none, whatever its profile says.
fn from_grey(pixels: Pixels, source: &ColorProfile) -> Pixels {
    let size = pixels.channels.count();
    let mut grey = Vec::with_capacity(pixels.data.len() / size);
    for pixel in pixels.data.chunks_exact(size) {
        if pixel[0] != pixel[1] || pixel[1] != pixel[2] {
            return pixels;
        }
        grey.push(pixel[0]);
    }
    let target = ColorProfile::new_srgb();
    let Ok(transform) =
        source.create_transform_8bit(Layout::Gray, &target, Layout::Rgb, TransformOptions::default())
    else {
        return pixels;
    };
    let mut rgb = vec![0; grey.len() * 3];
    if transform.transform(&grey, &mut rgb).is_err() {
        return pixels;
    }
    let mut pixels = pixels;
    for (pixel, converted) in pixels.data.chunks_exact_mut(size).zip(rgb.chunks_exact(3)) {
        pixel[..3].copy_from_slice(converted);
    }
    pixels
}

/// Converts ink coverage to sRGB: 0 is no ink, as PDF has it. By the profile where there is one, else naively.
pub(crate) fn cmyk_to_rgb(cmyk: &[u8], icc_profile: Option<&[u8]>) -> Vec<u8> {
    by_profile(cmyk, icc_profile).unwrap_or_else(|| naively(cmyk))
}

fn by_profile(cmyk: &[u8], icc_profile: Option<&[u8]>) -> Option<Vec<u8>> {
    let source = ColorProfile::new_from_slice(icc_profile?).ok()?;
    if source.color_space != DataColorSpace::Cmyk {
        return None;
    }
    let target = ColorProfile::new_srgb();
    // Four channels, whatever they are called.
    let transform = source
        .create_transform_8bit(Layout::Rgba, &target, Layout::Rgb, TransformOptions::default())
        .ok()?;
    let mut rgb = vec![0; cmyk.len() / 4 * 3];
    transform.transform(cmyk, &mut rgb).ok()?;
    Some(rgb)
}

fn naively(cmyk: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let product = u32::from(255 - ink) * u32::from(255 - black);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    };
    cmyk.chunks_exact(4)
        .flat_map(|ink| {
            [
                light(ink[0], ink[3]),
                light(ink[1], ink[3]),
                light(ink[2], ink[3]),
            ]
        })
        .collect()
}
