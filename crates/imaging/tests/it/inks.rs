//! Prints whose colour profile says what their inks look like.

use domain::ImageFormat::Jpeg;
use image::{Rgb, RgbImage};
use imaging::render;

use crate::fixtures::{is_close, jpeg_cmyk, profile, quarters_of};

/// Lightness and the two colours of Lab, as a table of eight bits has them (ICC.1:2001-04, section 6.5.9).
const PAPER: [u8; 3] = [255, 128, 128];
/// L* 58.8, a* -68, b* 52: in sRGB about 0, 168, 31.
const GREEN: [u8; 3] = [150, 60, 180];
/// L* 39.2, a* 32, b* -68: in sRGB about 81, 76, 206; halfway to the paper, 174, 161, 232.
const VIOLET: [u8; 3] = [100, 160, 60];

/// A profile of a press whose cyan looks green, whose black looks violet, and whose other inks cannot be seen.
fn press() -> Vec<u8> {
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for number in [1, 0, 0, 0, 1, 0, 0, 0, 1] {
        table.extend((number * 0x1_0000_u32).to_be_bytes());
    }
    let as_it_is = || 0..=u8::MAX;
    (0..4).for_each(|_| table.extend(as_it_is()));
    // Two steps for each ink, of which the first one, cyan, changes slowest, and the last one, black, fastest.
    let looks = |inks: u8| match (inks & 8, inks & 1) {
        (0, 0) => PAPER,
        (_, 0) => GREEN,
        _ => VIOLET,
    };
    (0..16).for_each(|inks| table.extend(looks(inks)));
    (0..3).for_each(|_| table.extend(as_it_is()));

    let mut bytes = vec![0; 128];
    bytes[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    bytes[12..24].copy_from_slice(b"prtrCMYKLab ");
    bytes[36..40].copy_from_slice(b"acsp");
    // The white of the connection space, D50.
    bytes[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(b"A2B0");
    bytes.extend(length(144));
    bytes.extend(length(table.len()));
    bytes.extend(table);
    let whole = length(bytes.len());
    bytes[..4].copy_from_slice(&whole);
    bytes
}

#[test]
fn the_inks_of_a_print_look_as_its_profile_says() {
    let cyan = RgbImage::from_pixel(80, 60, Rgb([0, 255, 255]));
    let marker = [b"ICC_PROFILE\0\x01\x01".to_vec(), press()].concat();
    for (name, markers, expected) in [
        ("by the profile", vec![(2, marker)], [0, 168, 31]),
        ("without one", Vec::new(), [0, 255, 255]),
        (
            "by none that can be read",
            vec![(2, b"ICC_PROFILE\0\x01\x01no".to_vec())],
            [0, 255, 255],
        ),
    ] {
        let rendered = render(&jpeg_cmyk(&cyan, 0, &markers), &profile(&[80])).unwrap();
        let found = quarters_of(&rendered, Jpeg)[0];
        assert!(is_close(found, expected, 8), "{name}: {found:?}");
    }
}

#[test]
fn black_ink_looks_as_the_profile_says_and_as_much_of_it_as_there_is() {
    let paper = RgbImage::from_pixel(80, 60, Rgb([255; 3]));
    let marker = [b"ICC_PROFILE\0\x01\x01".to_vec(), press()].concat();
    for (black, expected) in [(0, [255; 3]), (128, [174, 161, 232]), (255, [81, 76, 206])] {
        let source = jpeg_cmyk(&paper, black, &[(2, marker.clone())]);
        let found = quarters_of(&render(&source, &profile(&[80])).unwrap(), Jpeg)[0];
        assert!(is_close(found, expected, 8), "{black}: {found:?}");
    }
}
