//! Pictures whose pixels are not plain red, green and blue of eight bits.

use domain::ImageFormat::{Jpeg, WebP};
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgba};
use imaging::render;

use crate::fixtures::{
    QUARTERS, assert_colours, assert_quarters, chunk, file, is_close, jpeg_cmyk, jpeg_cmyk_plain, jpeg_ycck,
    profile, quarters, quarters_of,
};

#[test]
fn inks_become_colours_with_and_without_adobes_marker() {
    let picture = quarters(160, 120);
    for (name, source) in [
        ("inverted", jpeg_cmyk(&picture, 0, &[])),
        ("as luminance", jpeg_ycck(&picture, 0)),
        ("plain", jpeg_cmyk_plain(&picture, 0)),
    ] {
        let rendered = render(&source, &profile(&[160])).unwrap();
        assert_quarters(&rendered, Jpeg, 16, name);
    }
}

#[test]
fn black_ink_darkens_the_others_by_as_much_as_there_is_of_it() {
    let picture = quarters(160, 120);
    for black in [64, 128, 255] {
        let light = |value: u8| u8::try_from(u32::from(value) * (255 - u32::from(black)) / 255).unwrap();
        let darkened = QUARTERS.map(|colour| colour.map(light));
        for (name, source) in [
            ("inverted", jpeg_cmyk(&picture, black, &[])),
            ("as luminance", jpeg_ycck(&picture, black)),
            ("plain", jpeg_cmyk_plain(&picture, black)),
        ] {
            let rendered = render(&source, &profile(&[160])).unwrap();
            assert_colours(&rendered, Jpeg, darkened, 16, &format!("{name}, {black}"));
        }
    }
}

#[test]
fn sixteen_bits_with_transparency_become_eight_and_keep_it() {
    let picture = ImageBuffer::from_fn(80, 60, |x, _| {
        Rgba([50_000_u16, 0, 20_000, if x < 40 { 0 } else { u16::MAX }])
    });
    let source = file(DynamicImage::ImageRgba16(picture), ImageFormat::Png);
    let mut wanted = profile(&[80]);
    wanted.background = [0, 255, 0];
    let rendered = render(&source, &wanted).unwrap();
    let flat = quarters_of(&rendered, Jpeg);
    assert!(is_close(flat[0], [0, 255, 0], 14), "{flat:?}");
    assert!(is_close(flat[1], [195, 0, 78], 14), "{flat:?}");
    let webp = rendered
        .variants
        .iter()
        .find(|variant| variant.format == WebP)
        .unwrap();
    let webp = image::load_from_memory(&webp.bytes).unwrap().into_rgba8();
    assert_eq!((webp.get_pixel(10, 30)[3], webp.get_pixel(70, 30)[3]), (0, 255));
}

#[test]
fn a_palette_may_have_a_transparent_colour() {
    let rendered = render(&palette_png(), &profile(&[8])).unwrap();
    let webp = rendered
        .variants
        .iter()
        .find(|variant| variant.format == WebP)
        .unwrap();
    let webp = image::load_from_memory(&webp.bytes).unwrap().into_rgba8();
    assert_eq!((webp.get_pixel(1, 4)[3], webp.get_pixel(6, 4)[3]), (0, 255));
}

/// A PNG of 8 × 8 pixels in two colours, of which the left one is transparent.
fn palette_png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(*b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 8, 3, 0, 0, 0]));
    bytes.extend(chunk(*b"PLTE", &[0, 0, 0, 255, 0, 0]));
    bytes.extend(chunk(*b"tRNS", &[0]));
    // Each row: no filter, four times the first colour, four times the second.
    let rows = [0_u8, 0, 0, 0, 0, 1, 1, 1, 1].repeat(8);
    let length = u16::try_from(rows.len()).unwrap();
    // One stored block of zlib.
    let mut packed = vec![0x78, 0x01, 0x01];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(&rows);
    packed.extend(adler32(&rows).to_be_bytes());
    bytes.extend(chunk(*b"IDAT", &packed));
    bytes.extend(chunk(*b"IEND", &[]));
    bytes
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    (high << 16) | low
}
