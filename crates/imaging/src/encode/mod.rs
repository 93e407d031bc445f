//! From pixels to bytes.

mod avif;
mod jpeg;
mod webp;

use domain::ImageFormat;

use crate::{
    error::{ImagingError, encoding},
    picture::Picture,
    profile::RenderProfile,
};

/// Writes a picture. Transparency is kept where the format knows it.
pub(crate) fn encode(
    picture: &Picture,
    format: ImageFormat,
    profile: &RenderProfile,
) -> Result<Vec<u8>, ImagingError> {
    encoding(format, || match format {
        ImageFormat::Jpeg => match picture {
            Picture::Pixels(pixels) => jpeg::encode(&pixels.flattened(profile.background), profile.jpeg),
            Picture::Planes(planes) => jpeg::encode_planes(planes, profile.jpeg),
        },
        ImageFormat::WebP => webp::encode(picture, profile.webp),
        ImageFormat::Avif => avif::encode(&*picture.pixels()?, profile.avif),
        ImageFormat::Png | ImageFormat::Gif => Err(ImagingError::Encode {
            format: format.as_str(),
            reason: "variants are not written in this format".to_owned(),
        }),
    })
}
