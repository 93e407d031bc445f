//! What is refused before a single pixel is decoded.

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
    if probe.decoded_bytes > most {
        return Err(ImagingError::TooManyDecodedBytes {
            bytes: probe.decoded_bytes,
            most,
        });
    }
    Ok(())
}
