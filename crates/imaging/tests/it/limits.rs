//! What is refused, and that it costs nothing.

use domain::ImageErrorCode::{CorruptImage, TooManyPixels, UnsupportedFormat};
use image::ImageFormat;
use imaging::{probe, render};

use crate::fixtures::{crc32, file, jpeg, jpeg_not_interleaved, profile, quarters};

/// A header that promises a huge picture, and nothing behind it.
fn announcing(format: ImageFormat) -> Vec<u8> {
    match format {
        ImageFormat::Png => {
            let mut bytes = file(quarters(4, 4), ImageFormat::Png);
            bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
            bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
            let checksum = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
            bytes
        }
        ImageFormat::Gif => {
            let mut bytes = file(quarters(4, 4), ImageFormat::Gif);
            bytes[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]);
            bytes
        }
        ImageFormat::WebP => {
            // An extended header: a canvas of 16,384 × 16,384, which is as large as the format goes, in 34 bytes.
            let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0".to_vec();
            bytes.extend(b"VP8 ");
            bytes
        }
        _ => {
            let mut bytes = jpeg(&quarters(16, 16), &[], |_| {});
            let frame = bytes
                .windows(2)
                .position(|marker| marker == [0xff, 0xc0])
                .unwrap();
            bytes[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
            bytes
        }
    }
}

#[test]
fn a_huge_header_is_refused_before_anything_is_decoded() {
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Jpeg] {
        let bytes = announcing(format);
        let header = probe(&bytes).unwrap();
        assert_eq!((header.width, header.height), (60_000, 60_000), "{format:?}");
        let refused = render(&bytes, &profile(&[200])).unwrap_err();
        assert_eq!(refused.code(), TooManyPixels, "{format:?}");
        assert_eq!(
            refused.to_string(),
            "has 60000 × 60000 pixels; at most 100000000 pixels are accepted"
        );
    }
    // A header with nothing behind it: refused either way, and without memory for the canvas.
    let code = render(&announcing(ImageFormat::WebP), &profile(&[200]))
        .unwrap_err()
        .code();
    assert!(matches!(code, TooManyPixels | CorruptImage), "{code}");
}

#[test]
fn the_limit_is_the_settings() {
    let source = file(quarters(100, 100), ImageFormat::Png);
    let mut wanted = profile(&[50]);
    wanted.max_pixels = 10_000;
    assert!(render(&source, &wanted).is_ok());
    wanted.max_pixels = 9_999;
    assert_eq!(render(&source, &wanted).unwrap_err().code(), TooManyPixels);
}

#[test]
fn what_is_no_picture_is_unsupported_whatever_it_is_called() {
    for bytes in [
        &b""[..],
        b"<!doctype html><html><body>Not found</body></html>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"%PDF-1.7",
        b"\0\0\0\x20ftypavif\0\0\0\0",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"BM\x46\0\0\0",
        b"II*\0",
    ] {
        assert_eq!(
            render(bytes, &profile(&[50])).unwrap_err().code(),
            UnsupportedFormat,
            "{bytes:?}"
        );
    }
}

#[test]
fn half_a_picture_is_corrupt() {
    let picture = image::RgbImage::from_fn(400, 300, |x, y| {
        image::Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8])
    });
    for (name, whole) in [
        ("baseline", jpeg(&picture, &[], |_| {})),
        (
            "progressive",
            jpeg(&picture, &[], mozjpeg::Compress::set_progressive_mode),
        ),
        ("png", file(picture.clone(), ImageFormat::Png)),
        ("webp", file(picture.clone(), ImageFormat::WebP)),
        ("gif", file(picture.clone(), ImageFormat::Gif)),
    ] {
        assert!(render(&whole, &profile(&[100])).is_ok(), "{name}");
        for part in [whole.len() / 3, whole.len() / 2, whole.len() * 9 / 10] {
            let refused = render(&whole[..part], &profile(&[100])).map(|_| ());
            assert_eq!(
                refused.map_err(|error| error.code()),
                Err(CorruptImage),
                "{name}, {part} of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn a_picture_without_one_of_its_components_is_corrupt() {
    let whole = jpeg_not_interleaved(&quarters(64, 48));
    let scans: Vec<usize> = memchr::memmem::find_iter(&whole, &[0xff, 0xda]).collect();
    assert_eq!(scans.len(), 3);
    for kept in [1, 2] {
        let mut cut = whole[..scans[kept]].to_vec();
        cut.extend([0xff, 0xd9]);
        assert_eq!(
            render(&cut, &profile(&[64])).unwrap_err().code(),
            CorruptImage,
            "{kept}"
        );
    }
}

#[test]
fn a_cut_picture_that_was_given_a_new_end_is_still_corrupt() {
    let picture = image::RgbImage::from_fn(400, 300, |x, y| {
        image::Rgb([(x * 7) as u8, (y * 5) as u8, (x ^ y) as u8])
    });
    let mut cut = jpeg(&picture, &[], |_| {});
    cut.truncate(cut.len() / 2);
    cut.extend([0xff, 0xd9]);
    assert_eq!(render(&cut, &profile(&[100])).unwrap_err().code(), CorruptImage);
}
