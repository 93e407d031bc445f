//! Pictures made by code.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use imaging::{JpegProfile, RenderProfile, Rendered, VariantProfile, WebpProfile};
use mozjpeg::{ColorSpace, Compress, Marker};

/// The colours of a quartered picture: top left, top right, bottom left, bottom right.
pub(crate) const QUARTERS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 40]];

/// The settings that come with the product, with variants of the given edges.
pub(crate) fn profile(edges: &[u32]) -> RenderProfile {
    let variants = edges
        .iter()
        .map(|edge| VariantProfile {
            name: format!("v{edge}"),
            longest_edge: *edge,
        })
        .collect();
    RenderProfile {
        max_pixels: 100_000_000,
        background: [255; 3],
        variants,
        jpeg: Some(JpegProfile { quality: 90 }),
        webp: Some(WebpProfile {
            quality: 90,
            method: 2,
        }),
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

/// As a JPEG of Adobe's kind: four inks, inverted.
pub(crate) fn jpeg_cmyk(picture: &RgbImage) -> Vec<u8> {
    // No black, so each of the other inks is what the colour lacks; inverted, it is the colour.
    let data: Vec<u8> = picture
        .pixels()
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
        .collect();
    jpeg_of(ColorSpace::JCS_CMYK, picture.dimensions(), &data, &[], |_| {})
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
