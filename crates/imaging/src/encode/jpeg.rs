//! JPEG: baseline, 4:2:0, with Huffman tables of its own. The encoder's slower ways are not used.

use mozjpeg::{ColorSpace, Compress};

use crate::{error::ImagingError, pixels::Pixels, profile::JpegProfile};

/// Writes an opaque picture.
pub(super) fn encode(pixels: &Pixels, profile: JpegProfile) -> Result<Vec<u8>, ImagingError> {
    let wrong = |reason: std::io::Error| ImagingError::Encode {
        format: "JPEG",
        reason: reason.to_string(),
    };
    let mut jpeg = Compress::new(ColorSpace::JCS_RGB);
    jpeg.set_size(pixels.width as usize, pixels.height as usize);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(f32::from(profile.quality));
    jpeg.set_optimize_coding(true);
    let mut started = jpeg.start_compress(Vec::new()).map_err(wrong)?;
    started.write_scanlines(&pixels.data).map_err(wrong)?;
    started.finish().map_err(wrong)
}
