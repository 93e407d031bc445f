//! Looks at a picture's header, by its content and never by its name.

use std::io::Cursor;

use domain::ImageFormat;
use image::{
    ImageDecoder,
    codecs::{gif::GifDecoder, webp::WebPDecoder},
    metadata::Orientation,
};

use crate::{
    decode::{self, jpeg_header},
    error::{ImagingError, shielded},
    orient,
};

/// What the header of a picture says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The format, by its first bytes.
    pub format: ImageFormat,
    /// Pixels, upright.
    pub width: u32,
    /// Pixels, upright.
    pub height: u32,
    /// True where pixels may be transparent.
    pub has_alpha: bool,
    /// True where there are further frames, of which nothing is rendered.
    pub animated: bool,
    /// Pixels, as they are stored.
    pub(crate) stored_width: u32,
    /// Pixels, as they are stored.
    pub(crate) stored_height: u32,
    /// What turns the stored picture upright.
    pub(crate) orientation: Orientation,
    /// The colour profile, as it is embedded.
    pub(crate) icc_profile: Option<Vec<u8>>,
    /// Bytes that the decoded picture takes.
    pub(crate) decoded_bytes: u64,
    /// Bytes that the decoder of JPEG keeps beside them, for the whole picture as it is stored.
    pub(crate) coefficient_bytes: u64,
}

/// Reads the header of a picture. No pixel is decoded, and no memory taken for any.
///
/// # Errors
/// [`ImagingError::UnsupportedFormat`], or [`ImagingError::Corrupt`] for a header that breaks off.
pub fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let format = format_of(bytes).ok_or(ImagingError::UnsupportedFormat)?;
    shielded(|| match format {
        ImageFormat::Jpeg => jpeg_header(bytes),
        format @ ImageFormat::Png => {
            let decoder = decode::open_png(bytes).map_err(ImagingError::corrupt)?;
            Ok(Probe {
                animated: decode::png_is_animated(bytes),
                ..read(format, decoder)
            })
        }
        format @ ImageFormat::WebP => {
            let chunks = decode::webp_chunks(bytes)?;
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(ImagingError::corrupt)?;
            let (width, height) = decoder.dimensions();
            if chunks
                .lossy
                .is_some_and(|lossy| lossy.0 > width || lossy.1 > height)
            {
                return Err(ImagingError::corrupt(
                    "its picture is larger than its header says",
                ));
            }
            Ok(Probe {
                animated: decoder.has_animation() && chunks.frames > 1,
                ..read(format, decoder)
            })
        }
        format @ ImageFormat::Gif => {
            let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(ImagingError::corrupt)?;
            let mut probe = read(format, decoder);
            probe.animated = decode::gif_is_animated(bytes);
            let (width, height) = decode::first_gif_frame(bytes).unwrap_or_default();
            let frame_bytes = u64::from(width) * u64::from(height) * 4;
            probe.decoded_bytes = probe.decoded_bytes.max(frame_bytes);
            Ok(probe)
        }
        ImageFormat::Avif => Err(ImagingError::UnsupportedFormat),
    })
}

fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

fn read(format: ImageFormat, mut decoder: impl ImageDecoder) -> Probe {
    let (width, height) = decoder.dimensions();
    let exif = decoder.exif_metadata().unwrap_or(None);
    let orientation = exif.map_or(Orientation::NoTransforms, |exif| orient::from_exif(&exif));
    let icc_profile = decoder.icc_profile().unwrap_or(None);
    let has_alpha = decoder.color_type().has_alpha();
    Probe::new(
        format,
        (width, height),
        has_alpha,
        orientation,
        icc_profile,
        decoder.total_bytes(),
    )
}

impl Probe {
    pub(crate) fn new(
        format: ImageFormat,
        (stored_width, stored_height): (u32, u32),
        has_alpha: bool,
        orientation: Orientation,
        icc_profile: Option<Vec<u8>>,
        decoded_bytes: u64,
    ) -> Self {
        let (width, height) = if orient::swaps_edges(orientation) {
            (stored_height, stored_width)
        } else {
            (stored_width, stored_height)
        };
        Self {
            format,
            width,
            height,
            has_alpha,
            animated: false,
            stored_width,
            stored_height,
            orientation,
            icc_profile,
            decoded_bytes,
            coefficient_bytes: 0,
        }
    }
}
