//! JPEG, through mozjpeg's decoder, which is libjpeg-turbo's.

use domain::ImageFormat;
use image::metadata::Orientation;
use memchr::memmem;
use mozjpeg::{ColorSpace, CompInfo, Decompress, Marker};

use super::{jpeg_errors, jpeg_memory, jpeg_planes};
use crate::{
    colour,
    error::ImagingError,
    geometry::Size,
    orient,
    picture::Picture,
    pixels::{Channels, Pixels},
    probe::Probe,
};

const ICC: &[u8] = b"ICC_PROFILE\0";

/// Progressive files have about ten. Each passes over all pixels, so a small file with very many would take hours.
const SCANS_MAX: usize = 500;

/// The factors that the decoder scales by in passing, in eighths.
const EIGHTHS: [u8; 4] = [1, 2, 4, 8];

fn open(bytes: &[u8]) -> Result<Decompress<&[u8]>, ImagingError> {
    let markers = [Marker::APP(1), Marker::APP(2), Marker::APP(14)];
    Decompress::with_markers(&markers)
        .with_err(jpeg_errors::strict())
        .from_mem(bytes)
        .map_err(ImagingError::corrupt)
}

/// Reads the header.
pub(crate) fn header(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let jpeg = open(bytes)?;
    let edge = |edge: usize| u32::try_from(edge).unwrap_or(u32::MAX);
    let (width, height) = (edge(jpeg.width()), edge(jpeg.height()));
    let orientation = jpeg
        .markers()
        .map(|marker| orient::from_exif(marker.data))
        .find(|orientation| *orientation != Orientation::NoTransforms)
        .unwrap_or(Orientation::NoTransforms);
    let channels = if is_inks(jpeg.color_space()) { 4 } else { 3 };
    let decoded_bytes = u64::from(width) * u64::from(height) * channels;
    let probe = Probe::new(
        ImageFormat::Jpeg,
        (width, height),
        false,
        orientation,
        icc_profile(&jpeg),
        decoded_bytes,
    );
    Ok(Probe {
        coefficient_bytes: jpeg_memory::coefficient_bytes(bytes, jpeg.components()),
        ..probe
    })
}

/// A profile that is too long for one marker comes in numbered parts (ICC.1:2010, annex B.4).
fn icc_profile(jpeg: &Decompress<&[u8]>) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = jpeg
        .markers()
        .filter_map(|marker| match marker.data.strip_prefix(ICC)? {
            [number, _, part @ ..] => Some((*number, part)),
            _ => None,
        })
        .collect();
    parts.sort_by_key(|(number, _)| *number);
    let profile: Vec<u8> = parts
        .into_iter()
        .flat_map(|(_, part)| part.iter().copied())
        .collect();
    (!profile.is_empty()).then_some(profile)
}

/// Decodes, scaled down as far as the longest edge of `largest` allows.
pub(super) fn decode(bytes: &[u8], probe: &Probe, largest: Size) -> Result<Picture, ImagingError> {
    let scans = memmem::find_iter(bytes, &[0xff, 0xda]).count();
    if scans > SCANS_MAX {
        return Err(ImagingError::corrupt(format!("more than {SCANS_MAX} scans")));
    }
    let mut jpeg = open(bytes)?;
    let eighths = eighths(
        probe.stored_width.max(probe.stored_height),
        largest.0.max(largest.1),
    );
    if is_planar(&jpeg) && probe.icc_profile.is_none() && keeps_its_place(probe.orientation, largest) {
        drop(jpeg);
        return jpeg_planes::decode(bytes, eighths).map(Picture::Planes);
    }
    let is_adobe = jpeg.markers().any(|marker| marker.data.starts_with(b"Adobe"));
    jpeg.scale(eighths);
    let is_cmyk = is_inks(jpeg.color_space());
    let space = if is_cmyk {
        ColorSpace::JCS_CMYK
    } else {
        ColorSpace::JCS_RGB
    };
    let mut started = jpeg.to_colorspace(space).map_err(ImagingError::corrupt)?;
    // Files of several scans have been read to their end by now.
    if started.components().iter().any(|part| part.quant_table.is_null()) {
        return Err(ImagingError::corrupt("some of its components are missing"));
    }
    let size = |edge: usize| u32::try_from(edge).map_err(ImagingError::corrupt);
    let (width, height) = (size(started.width())?, size(started.height())?);
    let mut data: Vec<u8> = started.read_scanlines().map_err(ImagingError::corrupt)?;
    started.finish().map_err(ImagingError::corrupt)?;
    if is_cmyk {
        // Adobe's programs store the paper's share instead of the ink's, and say by their marker who they are.
        if is_adobe {
            data.iter_mut().for_each(|value| *value = 255 - *value);
        }
        data = colour::cmyk_to_rgb(&data, probe.icc_profile.as_deref());
    }
    Pixels::new(width, height, Channels::Rgb, data).map(Picture::Pixels)
}

/// True where a picture is stored in four inks, which are decoded as they are.
const fn is_inks(space: ColorSpace) -> bool {
    matches!(space, ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK)
}

/// True where brightness and colours lie apart, and nothing is finer than brightness.
fn is_planar(jpeg: &Decompress<&[u8]>) -> bool {
    let finest = |of: fn(&CompInfo) -> i32| jpeg.components().iter().map(of).max();
    jpeg.color_space() == ColorSpace::JCS_YCbCr
        && jpeg.components().len() == 3
        && jpeg.components().first().is_some_and(|luma| {
            finest(|part| part.h_samp_factor) == Some(luma.h_samp_factor)
                && finest(|part| part.v_samp_factor) == Some(luma.v_samp_factor)
        })
}

/// True unless colour at half the size, which begins at a picture's first pixel, would begin at its last one by turning.
fn keeps_its_place(orientation: Orientation, frame: Size) -> bool {
    orientation == Orientation::NoTransforms || (frame.0.is_multiple_of(2) && frame.1.is_multiple_of(2))
}

/// The smallest factor that leaves the longest edge at `longest_edge` or above.
fn eighths(longest: u32, longest_edge: u32) -> u8 {
    let reaches = |eighths: &u8| u64::from(longest) * u64::from(*eighths) >= u64::from(longest_edge) * 8;
    EIGHTHS.into_iter().find(reaches).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_inks_count_as_four_bytes_a_pixel() {
        for (space, inks) in [(ColorSpace::JCS_CMYK, 4), (ColorSpace::JCS_RGB, 3)] {
            let mut jpeg = mozjpeg::Compress::new(space);
            jpeg.set_size(30, 20);
            let mut started = jpeg.start_compress(Vec::new()).unwrap();
            started.write_scanlines(&vec![9; 30 * 20 * inks]).unwrap();
            let probe = header(&started.finish().unwrap()).unwrap();
            assert_eq!(probe.decoded_bytes, 30 * 20 * inks as u64);
        }
    }

    #[test]
    fn decoding_never_goes_below_the_largest_variant() {
        assert_eq!(eighths(12_800, 1600), 1);
        assert_eq!(eighths(12_799, 1600), 2);
        assert_eq!(eighths(4000, 1600), 4);
        assert_eq!(eighths(3200, 1600), 4);
        assert_eq!(eighths(3199, 1600), 8);
        assert_eq!(eighths(100, 1600), 8);
    }
}
