//! What is refused before a single pixel is decoded.
//!
//! With P for the pixels that are accepted, decoding takes at most 4 × P bytes for the pixels, and the decoder of JPEG
//! at most 4 × P more for the coefficients of files with several scans: progressive ones, and those with a scan for each
//! colour. Of these a picture takes 3 bytes a pixel with colours at half the resolution, and 6 with colours at the full
//! one, so that such a picture is accepted up to two thirds of P. A JPEG of four inks holds 7 bytes a pixel for a moment:
//! its inks, which are the 4 that are counted, and the 3 that become of them. What comes after works on the sizes of the
//! variants, which the profile bounds.

use crate::{error::ImagingError, probe::Probe};

/// Bytes that decoding may take for each pixel that is accepted; 16 bits a channel with alpha takes eight.
const BYTES_PER_PIXEL: u64 = 4;

/// Refuses a picture with too many pixels, by what its header says.
pub(crate) fn check(probe: &Probe, max_pixels: u64) -> Result<(), ImagingError> {
    let pixels = u64::from(probe.stored_width) * u64::from(probe.stored_height);
    if pixels == 0 {
        return Err(ImagingError::corrupt("its header gives it no size"));
    }
    if pixels > max_pixels {
        return Err(ImagingError::TooManyPixels {
            width: probe.width,
            height: probe.height,
            most: max_pixels,
        });
    }
    let most = max_pixels.saturating_mul(BYTES_PER_PIXEL);
    let bytes = probe.decoded_bytes.max(probe.coefficient_bytes);
    if bytes > most {
        return Err(ImagingError::TooManyDecodedBytes { bytes, most });
    }
    Ok(())
}
