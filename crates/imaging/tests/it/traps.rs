//! Good files that others read wrongly, and bad ones that others take for good.

use domain::{
    ImageErrorCode::CorruptImage,
    ImageFormat::{Jpeg, WebP},
};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, RgbaImage};
use imaging::{probe, render};
use moxcms::ColorProfile;

use crate::{
    fixtures::{
        assert_quarters, chunk, exif, file, is_close, jpeg, jpeg_not_interleaved, profile, quarters,
        quarters_of,
    },
    riff::{finish_riff, push_chunk, webp_body, webp_extended},
};

#[test]
fn a_jpeg_with_a_scan_for_each_colour_keeps_its_colours() {
    let source = jpeg_not_interleaved(&quarters(320, 240));
    let count = |marker: u8| source.windows(2).filter(|found| *found == [0xff, marker]).count();
    assert_eq!((count(0xc0), count(0xda)), (1, 3), "baseline, in three scans");
    for edge in [320, 160, 40] {
        let rendered = render(&source, &profile(&[edge])).unwrap();
        assert_quarters(&rendered, Jpeg, 12, &format!("{edge}"));
    }
}

#[test]
fn a_webp_is_turned_upright_with_or_without_the_jpeg_prefix_of_its_exif() {
    let stored = DynamicImage::from(quarters(300, 200)).rotate270().into_rgb8();
    let (_, with_prefix) = exif(6);
    for exif in [&with_prefix[..], &with_prefix[6..]] {
        let source = webp_extended(&stored, 0x08, &[(b"EXIF", exif)]);
        let header = probe(&source).unwrap();
        assert_eq!((header.width, header.height), (300, 200));
        let rendered = render(&source, &profile(&[150])).unwrap();
        assert_quarters(&rendered, WebP, 12, "WebP");
    }
}

#[test]
fn each_orientation_of_a_png_or_webp_ends_upright() {
    let picture = DynamicImage::from(quarters(300, 200));
    for (value, stored) in [
        (1, picture.clone()),
        (2, picture.fliph()),
        (3, picture.rotate180()),
        (4, picture.flipv()),
        (5, picture.rotate90().fliph()),
        (6, picture.rotate270()),
        (7, picture.rotate270().fliph()),
        (8, picture.rotate90()),
    ] {
        let stored = stored.into_rgb8();
        let (_, exif) = exif(value);
        let mut png = file(stored.clone(), ImageFormat::Png);
        png.splice(33..33, chunk(*b"eXIf", &exif[6..]));
        for source in [png, webp_extended(&stored, 0x08, &[(b"EXIF", &exif[..])])] {
            let rendered = render(&source, &profile(&[150])).unwrap();
            assert_eq!((rendered.width, rendered.height), (300, 200), "{value}");
            assert_quarters(&rendered, WebP, 12, &format!("{value}"));
        }
    }
}

#[test]
fn a_grey_colour_space_is_converted() {
    // Grey in proportion to light: half the light is 188 of 255 in sRGB.
    let icc = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut marker = b"ICC_PROFILE\0\x01\x01".to_vec();
    marker.extend(icc);
    let picture = RgbImage::from_pixel(64, 64, Rgb([128; 3]));
    let source = jpeg(&picture, &[(2, marker)], |jpeg| {
        jpeg.set_color_space(mozjpeg::ColorSpace::JCS_GRAYSCALE);
    });
    let found = quarters_of(&render(&source, &profile(&[64])).unwrap(), Jpeg)[0];
    assert!(is_close(found, [188; 3], 3), "{found:?}");
}

#[test]
fn grey_pictures_come_through() {
    let picture = GrayImage::from_fn(64, 64, |x, _| Luma([if x < 32 { 40 } else { 200 }]));
    let rendered = render(&file(picture, ImageFormat::Png), &profile(&[64])).unwrap();
    for format in [Jpeg, WebP] {
        let found = quarters_of(&rendered, format);
        assert!(
            is_close(found[0], [40; 3], 6) && is_close(found[1], [200; 3], 6),
            "{found:?}"
        );
    }
}

#[test]
fn the_first_frame_of_an_animated_webp_is_the_picture() {
    let frames =
        [[200, 0, 0], [0, 0, 200]].map(|colour| webp_body(&RgbImage::from_pixel(40, 40, Rgb(colour))));
    let frames = frames.map(|picture| {
        // At (0, 0), 40 × 40, for 100 ms, without blending.
        let mut frame = vec![0, 0, 0, 0, 0, 0, 39, 0, 0, 39, 0, 0, 100, 0, 0, 0x02];
        frame.extend(picture);
        frame
    });
    let mut source = webp_extended(&RgbImage::new(40, 40), 0x02, &[]);
    source.truncate(30);
    push_chunk(&mut source, b"ANIM", &[0; 6]);
    for frame in frames {
        push_chunk(&mut source, b"ANMF", &frame);
    }
    finish_riff(&mut source);
    let found = quarters_of(&render(&source, &profile(&[40])).unwrap(), Jpeg)[0];
    assert!(is_close(found, [200, 0, 0], 12), "{found:?}");
}

#[test]
fn a_jpeg_that_is_damaged_within_is_corrupt() {
    let picture = RgbImage::from_fn(400, 300, |x, y| {
        Rgb([(x * 7) as u8, (y * 5) as u8, (x ^ y) as u8])
    });
    let mut bytes = jpeg(&picture, &[], |_| {});
    let middle = bytes.len() / 2;
    // Ones are no code in the usual tables; a stuffed zero keeps each from being a marker.
    for pair in bytes[middle..middle + 64].chunks_exact_mut(2) {
        pair.copy_from_slice(&[0xff, 0]);
    }
    assert_eq!(render(&bytes, &profile(&[100])).unwrap_err().code(), CorruptImage);
}

#[test]
fn colours_of_hidden_pixels_do_not_bleed() {
    let picture = RgbaImage::from_fn(400, 400, |x, _| {
        image::Rgba(if x % 4 < 2 {
            [255, 0, 0, 0]
        } else {
            [0, 0, 255, 255]
        })
    });
    let rendered = render(&file(picture, ImageFormat::Png), &profile(&[100])).unwrap();
    let webp = rendered
        .variants
        .iter()
        .find(|variant| variant.format == WebP)
        .unwrap();
    let webp = image::load_from_memory(&webp.bytes).unwrap().into_rgba8();
    let pixel = webp.get_pixel(50, 50);
    assert!(
        pixel[0] < 20 && pixel[2] > 200 && (100..156).contains(&pixel[3]),
        "{pixel:?}"
    );
}
