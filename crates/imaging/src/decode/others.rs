//! PNG, WebP and GIF.

use std::io::Cursor;

use domain::ImageFormat;
use image::{
    DynamicImage, ImageDecoder, ImageResult,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};

use crate::{
    error::ImagingError,
    pixels::{Channels, Pixels},
};

/// Decodes the picture, or the first frame of an animation. Limits have been checked before: the decoders' own are
/// passed over on this path.
pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Pixels, ImagingError> {
    let cursor = Cursor::new(bytes);
    let decoded = match format {
        ImageFormat::Png => read(PngDecoder::new(cursor)),
        ImageFormat::WebP => read(WebPDecoder::new(cursor)),
        ImageFormat::Gif => read(GifDecoder::new(cursor)),
        ImageFormat::Jpeg => return Err(ImagingError::UnsupportedFormat),
    };
    let picture = decoded.map_err(ImagingError::corrupt)?;
    let (width, height) = (picture.width(), picture.height());
    if picture.color().has_alpha() {
        Pixels::new(width, height, Channels::Rgba, picture.into_rgba8().into_raw())
    } else {
        Pixels::new(width, height, Channels::Rgb, picture.into_rgb8().into_raw())
    }
}

fn read<D: ImageDecoder>(decoder: ImageResult<D>) -> ImageResult<DynamicImage> {
    DynamicImage::from_decoder(decoder?)
}
