//! Pictures made by code.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use imaging::{AvifProfile, Fit, JpegProfile, RenderProfile, Rendered, VariantProfile, WebpProfile};
use mozjpeg::{ColorSpace, Compress, Marker};

/// The colours of a quartered picture: top left, top right, bottom left, bottom right.
pub(crate) const QUARTERS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 40]];

/// The settings that come with the product, with variants of the given edges.
pub(crate) fn profile(edges: &[u32]) -> RenderProfile {
    let variants = edges
        .iter()
        .map(|edge| VariantProfile {
            name: format!("v{edge}"),
            width: *edge,
            height: *edge,
            fit: Fit::Contain,
            formats: vec![domain::ImageFormat::Jpeg, domain::ImageFormat::WebP],
        })
        .collect();
    RenderProfile {
        max_pixels: 100_000_000,
        background: [255; 3],
        variants,
        jpeg: JpegProfile { quality: 90 },
        webp: WebpProfile {
            quality: 90,
            method: 2,
        },
        avif: AvifProfile {
            quality: 70,
            speed: 10,
        },
    }
}

/// A picture of four colours.
pub(crate) fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(QUARTERS[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)])
    })
}

/// As a file of a format that `image` writes.
pub(crate) fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// As a JPEG, with markers of its own and set up by `prepare`.
pub(crate) fn jpeg(
    picture: &RgbImage,
    markers: &[(u8, Vec<u8>)],
    prepare: impl FnOnce(&mut Compress),
) -> Vec<u8> {
    jpeg_of(
        ColorSpace::JCS_RGB,
        picture.dimensions(),
        picture.as_raw(),
        markers,
        prepare,
    )
}

/// As a JPEG of Adobe's kind: four inks, inverted, with markers of its own, and under so much black.
pub(crate) fn jpeg_cmyk(picture: &RgbImage, black: u8, markers: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let data = inverted_inks(picture, black);
    jpeg_of(ColorSpace::JCS_CMYK, picture.dimensions(), &data, markers, |_| {})
}

/// As a JPEG of Adobe's kind: four inks, inverted, and stored as luminance, two colours and black.
pub(crate) fn jpeg_ycck(picture: &RgbImage, black: u8) -> Vec<u8> {
    let data = inverted_inks(picture, black);
    jpeg_of(ColorSpace::JCS_CMYK, picture.dimensions(), &data, &[], |jpeg| {
        jpeg.set_color_space(ColorSpace::JCS_YCCK);
    })
}

/// Each of the inks but black is what the colour lacks; inverted, it is the colour.
fn inverted_inks(picture: &RgbImage, black: u8) -> Vec<u8> {
    let pixels = picture.pixels();
    pixels
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255 - black])
        .collect()
}

/// As a JPEG of four inks, as they are, without Adobe's marker.
pub(crate) fn jpeg_cmyk_plain(picture: &RgbImage, black: u8) -> Vec<u8> {
    let data: Vec<u8> = inverted_inks(picture, black)
        .into_iter()
        .map(|share| 255 - share)
        .collect();
    let mut bytes = jpeg_of(ColorSpace::JCS_CMYK, picture.dimensions(), &data, &[], |_| {});
    let adobe = bytes
        .windows(9)
        .position(|found| found.starts_with(&[0xff, 0xee]) && found.ends_with(b"Adobe"))
        .unwrap();
    let length = usize::from(u16::from_be_bytes([bytes[adobe + 2], bytes[adobe + 3]]));
    bytes.drain(adobe..adobe + 2 + length);
    bytes
}

fn jpeg_of(
    space: ColorSpace,
    (width, height): (u32, u32),
    data: &[u8],
    markers: &[(u8, Vec<u8>)],
    prepare: impl FnOnce(&mut Compress),
) -> Vec<u8> {
    let mut jpeg = Compress::new(space);
    jpeg.set_size(width as usize, height as usize);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(95.0);
    prepare(&mut jpeg);
    let mut started = jpeg.start_compress(Vec::new()).unwrap();
    for (number, data) in markers {
        started.write_marker(Marker::APP(*number), data);
    }
    started.write_scanlines(data).unwrap();
    started.finish().unwrap()
}

/// An Exif marker that says nothing but the orientation, and where the picture was taken.
pub(crate) fn exif(orientation: u8) -> (u8, Vec<u8>) {
    let mut data = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    data.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    data.extend(b"GPS 48.137 N 11.575 E");
    (1, data)
}

/// A picture that is clear on the left and red on the right.
pub(crate) fn half_clear(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgba([0, 0, 0, 0])
        } else {
            Rgba([255, 0, 0, 255])
        }
    })
}

/// Sees that a variant shows [`quarters`]; `name` says of which case, should it not.
pub(crate) fn assert_quarters(rendered: &Rendered, format: domain::ImageFormat, tolerance: u8, name: &str) {
    assert_colours(rendered, format, QUARTERS, tolerance, name);
}

/// The same with other colours.
pub(crate) fn assert_colours(
    rendered: &Rendered,
    format: domain::ImageFormat,
    expected: [[u8; 3]; 4],
    tolerance: u8,
    name: &str,
) {
    for (found, expected) in quarters_of(rendered, format).into_iter().zip(expected) {
        assert!(
            is_close(found, expected, tolerance),
            "{name}: {found:?}, not {expected:?}"
        );
    }
}

/// The colours in the middle of each quarter of the variant of a format.
pub(crate) fn quarters_of(rendered: &Rendered, format: domain::ImageFormat) -> [[u8; 3]; 4] {
    let variant = rendered
        .variants
        .iter()
        .find(|variant| variant.format == format)
        .unwrap();
    let picture = image::load_from_memory(&variant.bytes).unwrap().into_rgb8();
    let (width, height) = picture.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| picture.get_pixel(width * x / 4, height * y / 4).0)
}

/// True where no channel differs by more than `most`.
pub(crate) fn is_close(found: [u8; 3], expected: [u8; 3], most: u8) -> bool {
    found
        .iter()
        .zip(expected)
        .all(|(found, expected)| found.abs_diff(expected) <= most)
}

/// A chunk of a PNG, with its length and checksum.
pub(crate) fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), data].concat();
    let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(&named);
    bytes.extend(crc32(&named).to_be_bytes());
    bytes
}

/// The checksum of PNG's chunks.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}

/// As a baseline JPEG with half the colour resolution, in a scan of its own for each component.
pub(crate) fn jpeg_not_interleaved(picture: &RgbImage) -> Vec<u8> {
    use mozjpeg_sys::{
        J_COLOR_SPACE, J_INT_PARAM, JINT_COMPRESS_PROFILE_VALUE, jpeg_c_set_int_param, jpeg_compress_struct,
        jpeg_create_compress, jpeg_destroy_compress, jpeg_error_mgr, jpeg_finish_compress, jpeg_mem_dest,
        jpeg_scan_info, jpeg_set_defaults, jpeg_set_quality, jpeg_start_compress, jpeg_std_error,
        jpeg_write_scanlines,
    };
    let scans = [0, 1, 2].map(|component| jpeg_scan_info {
        comps_in_scan: 1,
        component_index: [component, 0, 0, 0],
        Ss: 0,
        Se: 63,
        Ah: 0,
        Al: 0,
    });
    // SAFETY: the library's own order of calls, on structs that outlive them; zeros are valid for both structs, and
    // each row that is written holds `width` pixels of three bytes. The few bytes of the result are not given back.
    unsafe {
        let mut errors: jpeg_error_mgr = std::mem::zeroed();
        let mut jpeg: jpeg_compress_struct = std::mem::zeroed();
        jpeg.common.err = jpeg_std_error(&mut errors);
        jpeg_create_compress(&mut jpeg);
        let (mut memory, mut size) = (std::ptr::null_mut(), 0);
        jpeg_mem_dest(&mut jpeg, &mut memory, &mut size);
        jpeg.image_width = picture.width();
        jpeg.image_height = picture.height();
        jpeg.in_color_space = J_COLOR_SPACE::JCS_RGB;
        jpeg.input_components = 3;
        let fastest = JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST as std::ffi::c_int;
        jpeg_c_set_int_param(&mut jpeg, J_INT_PARAM::JINT_COMPRESS_PROFILE, fastest);
        jpeg_set_defaults(&mut jpeg);
        jpeg_set_quality(&mut jpeg, 95, 1);
        jpeg.scan_info = scans.as_ptr();
        jpeg.num_scans = 3;
        jpeg_start_compress(&mut jpeg, 1);
        for row in picture.as_raw().chunks_exact(picture.width() as usize * 3) {
            jpeg_write_scanlines(&mut jpeg, &row.as_ptr(), 1);
        }
        jpeg_finish_compress(&mut jpeg);
        jpeg_destroy_compress(&mut jpeg);
        std::slice::from_raw_parts(memory, usize::try_from(size).unwrap()).to_vec()
    }
}
