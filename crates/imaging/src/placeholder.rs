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

/// Makes a thumbhash and the average colour, on the background where the picture is transparent.
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
    let [red, green, blue] = average(&small.flattened(background));
    Ok(Placeholder {
        thumbhash: STANDARD.encode(hash),
        color: format!("#{red:02x}{green:02x}{blue:02x}"),
    })
}

fn average(pixels: &Pixels) -> [u8; 3] {
    let mut sums = [0_u64; 3];
    for pixel in pixels.data.chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    let count = (pixels.data.len() / 3).max(1) as u64;
    sums.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX))
}
