//! From bytes to pixels.

mod gif;
mod jpeg;
mod jpeg_errors;
mod jpeg_memory;
mod jpeg_planes;
mod others;
mod png;
mod webp;

use domain::ImageFormat;

pub(crate) use gif::{first_frame as first_gif_frame, is_animated as gif_is_animated};
pub(crate) use jpeg::header as jpeg_header;
pub(crate) use others::open_png;
pub(crate) use png::is_animated as png_is_animated;
pub(crate) use webp::chunks as webp_chunks;

use crate::{error::ImagingError, geometry::Size, picture::Picture, pixels::Pixels, probe::Probe};

/// Decodes a picture that has been probed and found within limits. A JPEG may come smaller than it is stored, by a
/// factor of 2, 4 or 8, but its longest edge never below that of `largest`, the size that is made of it first.
pub(crate) fn decode(bytes: &[u8], probe: &Probe, largest: Size) -> Result<Picture, ImagingError> {
    match probe.format {
        ImageFormat::Jpeg => jpeg::decode(bytes, probe, largest),
        ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif => others::decode(bytes, probe.format)
            .map(Pixels::without_needless_alpha)
            .map(Picture::Pixels),
        ImageFormat::Avif => Err(ImagingError::UnsupportedFormat),
    }
}
