//! What a page shows until a picture has loaded.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Placeholder;

use crate::{
    error::ImagingError,
    geometry,
    picture::Picture,
    pixels::{Channels, Pixels},
    resize,
};

/// The longest edge that the dominant colour is looked for in.
const COLOUR_EDGE: u32 = 100;
/// The longest edge that a thumbhash is made of. It keeps waves of seven to an edge at most, which takes 14 pixels; with
/// the 100 that it could take it would cost more than a hundredth of the whole picture.
const THUMBHASH_EDGE: u32 = 32;

/// Makes a thumbhash and finds the dominant colour, on the background where the picture is transparent.
pub(crate) fn make(picture: &Picture, background: [u8; 3]) -> Result<Placeholder, ImagingError> {
    let size = geometry::contain(picture.size(), (COLOUR_EDGE, COLOUR_EDGE));
    let small = picture.scaled(size)?;
    let small = small.pixels()?;
    let tiny = within(&small, THUMBHASH_EDGE)?;
    let rgba: Vec<u8> = match tiny.channels {
        Channels::Rgba => tiny.data.clone(),
        Channels::Rgb => tiny
            .data
            .chunks_exact(3)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX])
            .collect(),
    };
    let hash = thumbhash::rgba_to_thumb_hash(tiny.width as usize, tiny.height as usize, &rgba);
    let [red, green, blue] = dominant(&small.flattened(background));
    Ok(Placeholder {
        thumbhash: STANDARD.encode(hash),
        color: format!("#{red:02x}{green:02x}{blue:02x}"),
    })
}

/// The picture with no edge longer than `edge`.
fn within(pixels: &Pixels, edge: u32) -> Result<Cow<'_, Pixels>, ImagingError> {
    let size = geometry::contain(pixels.size(), (edge, edge));
    if size == pixels.size() {
        return Ok(Cow::Borrowed(pixels));
    }
    Ok(Cow::Owned(resize::scale(pixels, size)?))
}

/// The mean of the pixels in the fullest of 512 equal parts of the colour space. A mean of all of them would be a
/// colour that many a picture does not have.
fn dominant(pixels: &Pixels) -> [u8; 3] {
    let mut parts = vec![(0_u32, [0_u32; 3]); 512];
    for pixel in pixels.data.chunks_exact(3) {
        let index = pixel
            .iter()
            .fold(0, |index, value| index << 3 | usize::from(value >> 5));
        let (count, sums) = &mut parts[index];
        *count += 1;
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u32::from(*value);
        }
    }
    let (count, sums) = parts
        .into_iter()
        .max_by_key(|(count, _)| *count)
        .unwrap_or_default();
    // At least one pixel, and a mean of bytes is a byte.
    sums.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX))
}
