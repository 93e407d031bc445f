//! From pixels to bytes.

mod jpeg;
mod webp;

use domain::ImageFormat;

use crate::{error::ImagingError, pixels::Pixels, profile::RenderProfile};

/// Writes a picture in every format of the profile. Transparency is kept where the format knows it.
pub(crate) fn encode(
    pixels: &Pixels,
    profile: &RenderProfile,
) -> Result<Vec<(ImageFormat, Vec<u8>)>, ImagingError> {
    let mut files = Vec::with_capacity(2);
    if let Some(jpeg) = profile.jpeg {
        files.push((
            ImageFormat::Jpeg,
            jpeg::encode(&pixels.clone().flattened(profile.background), jpeg)?,
        ));
    }
    if let Some(webp) = profile.webp {
        files.push((ImageFormat::WebP, webp::encode(pixels, webp)?));
    }
    Ok(files)
}
