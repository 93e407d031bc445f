//! AVIF, through rav1e: small files that cost several times what all others cost together.

use ravif::{Encoder, Img, RGBA8};
use rgb::FromSlice as _;

use crate::{
    error::ImagingError,
    pixels::{Channels, Pixels},
    profile::AvifProfile,
};

/// Writes a picture, with its transparency where it has any.
pub(super) fn encode(pixels: &Pixels, profile: AvifProfile) -> Result<Vec<u8>, ImagingError> {
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let quality = f32::from(profile.quality);
    // A renderer may start no threads, and there are as many renderers as there are cores.
    let encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality)
        .with_speed(profile.speed)
        .with_num_threads(Some(1));
    let encoded = match pixels.channels {
        Channels::Rgb => encoder.encode_rgb(Img::new(pixels.data.as_rgb(), width, height)),
        Channels::Rgba => {
            let pixels: &[RGBA8] = pixels.data.as_rgba();
            encoder.encode_rgba(Img::new(pixels, width, height))
        }
    };
    encoded
        .map(|encoded| encoded.avif_file)
        .map_err(|error| ImagingError::Encode {
            format: "AVIF",
            reason: error.to_string(),
        })
}
