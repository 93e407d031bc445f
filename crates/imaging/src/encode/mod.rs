//! From pixels to bytes.

mod avif;
mod jpeg;
mod webp;

use domain::ImageFormat;

use crate::{
    error::{ImagingError, encoding},
    pixels::Pixels,
    profile::RenderProfile,
};

/// Writes a picture. Transparency is kept where the format knows it.
pub(crate) fn encode(
    pixels: &Pixels,
    format: ImageFormat,
    profile: &RenderProfile,
) -> Result<Vec<u8>, ImagingError> {
    encoding(format, || match format {
        ImageFormat::Jpeg => jpeg::encode(&pixels.flattened(profile.background), profile.jpeg),
        ImageFormat::WebP => webp::encode(pixels, profile.webp),
        ImageFormat::Avif => avif::encode(pixels, profile.avif),
        ImageFormat::Png | ImageFormat::Gif => Err(ImagingError::Encode {
            format: format.as_str(),
            reason: "variants are not written in this format".to_owned(),
        }),
    })
}
