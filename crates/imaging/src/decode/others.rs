//! PNG, WebP and GIF.

use std::io::Cursor;

use domain::ImageFormat;
use image::{
    DynamicImage, ImageDecoder, ImageResult, Limits,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};

use super::gif;
use crate::{
    error::ImagingError,
    pixels::{Channels, Pixels},
};

/// What a colour profile may unpack to. Those of printers take up to about four megabytes.
const PROFILE_BYTES_MAX: u64 = 16 << 20;

/// Opens a PNG, whose colour profile is unpacked with the header: one that is too long is passed over.
pub(crate) fn open_png(bytes: &[u8]) -> ImageResult<PngDecoder<Cursor<&[u8]>>> {
    let mut limits = Limits::no_limits();
    // The decoder counts three things: what unpacks, the chunks of text and metadata, and one row of pixels (of eight
    // bytes at most), whose width stands at a fixed place.
    let width = bytes.get(16..20).and_then(|width| width.try_into().ok());
    let row = u64::from(width.map_or(0, u32::from_be_bytes)) * 8;
    limits.max_alloc = Some(PROFILE_BYTES_MAX + bytes.len() as u64 * 4 + row);
    PngDecoder::with_limits(Cursor::new(bytes), limits)
}

/// Decodes the picture, or the first frame of an animation. Limits have been checked before: the decoders' own are
/// passed over on this path.
pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Pixels, ImagingError> {
    let cursor = Cursor::new(bytes);
    let decoded = match format {
        ImageFormat::Png => read(open_png(bytes)),
        ImageFormat::WebP => read(WebPDecoder::new(cursor)),
        ImageFormat::Gif => {
            // Where the frame's size is not known, its limit has not been checked either.
            gif::first_frame(bytes).ok_or_else(|| ImagingError::corrupt("it has no frame"))?;
            read(GifDecoder::new(cursor))
        }
        ImageFormat::Jpeg | ImageFormat::Avif => return Err(ImagingError::UnsupportedFormat),
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
