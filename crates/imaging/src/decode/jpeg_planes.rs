//! The planes of a JPEG, straight from the transforms of libjpeg-turbo, without upsampling or conversion of colours.

use std::{ffi::c_ulong, mem, ptr};

use mozjpeg_sys::{
    DCTSIZE, J_COLOR_SPACE, JSAMPARRAY_MUT, JSAMPROW_MUT, boolean, jpeg_component_info,
    jpeg_create_decompress, jpeg_decompress_struct, jpeg_destroy_decompress, jpeg_error_mgr,
    jpeg_finish_decompress, jpeg_mem_src, jpeg_read_header, jpeg_read_raw_data, jpeg_start_decompress,
};

use super::jpeg_errors;
use crate::{
    error::ImagingError,
    planes::{Plane, Planes},
};

/// The most rows of samples in one row of the units that a file is made of: four blocks (ITU-T T.81, A.1.1).
const ROWS_MAX: usize = 4 * DCTSIZE;

/// Decodes a file of three planes, scaled down to `eighths`, one of 1, 2, 4 and 8. The planes of colour keep what
/// resolution comes at no cost.
pub(super) fn decode(bytes: &[u8], eighths: u8) -> Result<Planes, ImagingError> {
    let mut errors = Box::new(jpeg_errors::strict());
    let mut decoder = Decoder::new(&mut errors);
    let jpeg = &mut *decoder.0;
    // SAFETY: the struct was made by the library, and `bytes` outlives it. Errors unwind out of these calls, as the
    // library is compiled for; `Decoder` then gives its memory back.
    unsafe {
        jpeg_mem_src(jpeg, bytes.as_ptr(), bytes.len() as c_ulong);
        jpeg_read_header(jpeg, boolean::from(true));
        jpeg.raw_data_out = boolean::from(true);
        jpeg.out_color_space = J_COLOR_SPACE::JCS_YCbCr;
        (jpeg.scale_num, jpeg.scale_denom) = (u32::from(eighths), 8);
        jpeg_start_decompress(jpeg);
    }
    let mut parts = components(jpeg, eighths)?;
    while jpeg.output_scanline < jpeg.output_height {
        for part in &mut parts {
            part.aim();
        }
        let mut targets: [JSAMPARRAY_MUT; 3] = parts.each_mut().map(|part| part.rows.as_mut_ptr());
        // SAFETY: three components were found, and each has rows for the most that one call can write.
        let lines = unsafe { jpeg_read_raw_data(jpeg, targets.as_mut_ptr(), ROWS_MAX as u32) };
        if lines == 0 {
            return Err(ImagingError::corrupt("it ends before its last pixel"));
        }
        parts.iter_mut().for_each(Part::take);
    }
    // SAFETY: as above.
    unsafe { jpeg_finish_decompress(jpeg) };
    let size = (jpeg.output_width, jpeg.output_height);
    let [luma, blue, red] = parts.map(|part| part.plane);
    Ok(Planes {
        size,
        planes: [luma, blue, red],
    })
}

/// The library's struct, whose memory is given back at the end.
struct Decoder<'a>(
    Box<jpeg_decompress_struct>,
    std::marker::PhantomData<&'a jpeg_error_mgr>,
);

impl<'a> Decoder<'a> {
    fn new(errors: &'a mut jpeg_error_mgr) -> Self {
        // SAFETY: the struct is plain data for which all zeros are valid, and the library fills it in. It keeps the
        // pointer to `errors`, which outlive it.
        unsafe {
            let mut jpeg: Box<jpeg_decompress_struct> = Box::new(mem::zeroed());
            jpeg.common.err = errors;
            jpeg_create_decompress(&mut *jpeg);
            Self(jpeg, std::marker::PhantomData)
        }
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: the struct was made by the library and is destroyed once.
        unsafe { jpeg_destroy_decompress(&mut self.0) };
    }
}

/// A plane that is being filled. The library writes whole blocks, so each call goes to a buffer of its own.
struct Part {
    plane: Plane,
    buffer: Vec<u8>,
    stride: usize,
    /// Rows of the picture in one call.
    height: usize,
    rows: [JSAMPROW_MUT; ROWS_MAX],
}

impl Part {
    fn aim(&mut self) {
        for (row, target) in self
            .rows
            .iter_mut()
            .zip(self.buffer.chunks_exact_mut(self.stride))
        {
            *row = target.as_mut_ptr();
        }
    }

    fn take(&mut self) {
        let width = self.plane.width as usize;
        let missing = self.plane.height as usize - self.plane.data.len() / width;
        for row in self
            .buffer
            .chunks_exact(self.stride)
            .take(self.height.min(missing))
        {
            self.plane.data.extend_from_slice(&row[..width]);
        }
    }
}

fn components(jpeg: &jpeg_decompress_struct, eighths: u8) -> Result<[Part; 3], ImagingError> {
    if jpeg.num_components != 3 || jpeg.comp_info.is_null() {
        return Err(ImagingError::corrupt("it has not three components"));
    }
    // SAFETY: the library keeps as many of them from here on as it says.
    let infos = unsafe { std::slice::from_raw_parts(jpeg.comp_info, 3) };
    let [luma, blue, red] = infos else {
        return Err(ImagingError::corrupt("it has not three components"));
    };
    // Files of several scans have been read to their end by now.
    if infos.iter().any(|info| info.quant_table.is_null()) {
        return Err(ImagingError::corrupt("some of its components are missing"));
    }
    Ok([luma, blue, red].map(|info| part(jpeg, info, eighths)))
}

fn part(jpeg: &jpeg_decompress_struct, info: &jpeg_component_info, eighths: u8) -> Part {
    let across = (info.h_samp_factor, jpeg.max_h_samp_factor);
    let down = (info.v_samp_factor, jpeg.max_v_samp_factor);
    let side = block_side(across, down, eighths.into());
    let (width, extent_across) = samples(jpeg.image_width, across, side);
    let (height, extent_down) = samples(jpeg.image_height, down, side);
    // Room for blocks that are not scaled, whatever the library makes of its own numbers.
    let stride = info.width_in_blocks as usize * DCTSIZE;
    Part {
        plane: Plane {
            width,
            height,
            extent: (extent_across, extent_down),
            data: Vec::with_capacity(width as usize * height as usize),
        },
        buffer: vec![0; stride * ROWS_MAX],
        stride,
        height: usize::try_from(info.v_samp_factor * side).unwrap_or(ROWS_MAX),
        rows: [ptr::null_mut(); ROWS_MAX],
    }
}

/// Samples to an edge of a scaled block. Where a plane is coarser than others by a factor of two or more both ways, the
/// library scales it down by less (`jpeg_calc_output_dimensions`).
fn block_side(across: (i32, i32), down: (i32, i32), least: i32) -> i32 {
    let mut side = least;
    let fits = |(own, most): (i32, i32), side: i32| (most * least) % (own * side * 2) == 0;
    while side < 8 && fits(across, side) && fits(down, side) {
        side *= 2;
    }
    side
}

/// Samples along an edge of `pixels`, and how many of them the picture takes.
fn samples(pixels: u32, (own, most): (i32, i32), side: i32) -> (u32, f64) {
    let extent = f64::from(pixels) * f64::from(own * side) / f64::from(most * 8);
    let count = (u64::from(pixels) * u64::from((own * side).unsigned_abs()))
        .div_ceil(u64::from((most * 8).unsigned_abs()));
    (u32::try_from(count).unwrap_or(u32::MAX), extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarser_planes_are_scaled_down_by_less() {
        assert_eq!(block_side((2, 2), (2, 2), 4), 4);
        assert_eq!(block_side((1, 2), (1, 2), 4), 8);
        assert_eq!(block_side((1, 2), (1, 2), 8), 8);
        assert_eq!(block_side((1, 2), (1, 1), 4), 4);
        assert_eq!(block_side((1, 4), (1, 4), 1), 4);
        assert_eq!(block_side((1, 4), (1, 2), 1), 2);
    }

    #[test]
    fn the_last_sample_may_lie_partly_outside() {
        assert_eq!(samples(1001, (1, 2), 4), (251, 250.25));
        assert_eq!(samples(1000, (2, 2), 4), (500, 500.0));
    }
}
