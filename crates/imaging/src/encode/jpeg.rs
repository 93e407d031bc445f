//! JPEG: baseline, 4:2:0, with Huffman tables of its own. The encoder's slower ways are not used.

use mozjpeg::{ColorSpace, Compress};

use crate::{
    error::ImagingError,
    geometry::Size,
    pixels::Pixels,
    planes::{Plane, Planes},
    profile::JpegProfile,
};

/// Samples along the edge of a block (ITU-T T.81, A.1.1).
const BLOCK: usize = 8;

/// Writes an opaque picture.
pub(super) fn encode(pixels: &Pixels, profile: JpegProfile) -> Result<Vec<u8>, ImagingError> {
    let jpeg = prepared(ColorSpace::JCS_RGB, pixels.size(), profile);
    let mut started = jpeg.start_compress(Vec::new()).map_err(|error| wrong(&error))?;
    started
        .write_scanlines(&pixels.data)
        .map_err(|error| wrong(&error))?;
    started.finish().map_err(|error| wrong(&error))
}

/// Writes a picture whose planes of colour are at half its size, as they are in the file.
pub(super) fn encode_planes(planes: &Planes, profile: JpegProfile) -> Result<Vec<u8>, ImagingError> {
    if !planes.are_encodable() {
        return Err(wrong("its planes are not of its size"));
    }
    let mut jpeg = prepared(ColorSpace::JCS_YCbCr, planes.size, profile);
    jpeg.set_raw_data_in(true);
    let mut started = jpeg.start_compress(Vec::new()).map_err(|error| wrong(&error))?;
    let blocks = planes.planes.each_ref().map(in_whole_blocks);
    if !started.write_raw_data(&blocks.each_ref().map(Vec::as_slice)) {
        return Err(wrong("not every row was taken"));
    }
    started.finish().map_err(|error| wrong(&error))
}

fn prepared(space: ColorSpace, (width, height): Size, profile: JpegProfile) -> Compress {
    let mut jpeg = Compress::new(space);
    jpeg.set_size(width as usize, height as usize);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(f32::from(profile.quality));
    jpeg.set_optimize_coding(true);
    jpeg
}

/// The samples, with the last column and row repeated until blocks are full.
fn in_whole_blocks(plane: &Plane) -> Vec<u8> {
    let (width, height) = (plane.width as usize, plane.height as usize);
    let (stride, rows) = (width.next_multiple_of(BLOCK), height.next_multiple_of(BLOCK));
    let mut data = Vec::with_capacity(stride * rows);
    for row in plane.data.chunks_exact(width) {
        data.extend_from_slice(row);
        data.resize(data.len() + stride - width, row[width - 1]);
    }
    let last = data.len() - stride;
    for _ in height..rows {
        data.extend_from_within(last..last + stride);
    }
    data
}

fn wrong(reason: &(impl ToString + ?Sized)) -> ImagingError {
    ImagingError::Encode {
        format: "JPEG",
        reason: reason.to_string(),
    }
}
