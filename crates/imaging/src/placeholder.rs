//! What a page shows until a picture has loaded.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Placeholder;

use crate::{
    error::ImagingError,
    geometry,
    pixels::{Channels, Pixels},
    resize,
};

/// The longest edge that a thumbhash is made of.
const EDGE: u32 = 100;

/// Makes a thumbhash and finds the dominant colour, on the background where the picture is transparent.
pub(crate) fn make(pixels: &Pixels, background: [u8; 3]) -> Result<Placeholder, ImagingError> {
    let size = geometry::contain(pixels.size(), (EDGE, EDGE));
    let small = match size == pixels.size() {
        true => Cow::Borrowed(pixels),
        false => Cow::Owned(resize::scale(pixels, size)?),
    };
    let rgba: Vec<u8> = match small.channels {
        Channels::Rgba => small.data.clone(),
        Channels::Rgb => small
            .data
            .chunks_exact(3)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX])
            .collect(),
    };
    let hash = thumbhash::rgba_to_thumb_hash(small.width as usize, small.height as usize, &rgba);
    let [red, green, blue] = dominant(&small.flattened(background));
    Ok(Placeholder {
        thumbhash: STANDARD.encode(hash),
        color: format!("#{red:02x}{green:02x}{blue:02x}"),
    })
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
