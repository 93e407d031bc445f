//! Small files that ask for much.

use domain::ImageErrorCode::{CorruptImage, TooManyPixels};
use image::ImageFormat;
use imaging::{probe, render};

use crate::{
    fixtures::{chunk, file, jpeg, profile, quarters},
    memory::largest_allocation,
    riff::{finish_riff, push_chunk, webp_extended},
};

/// More than any header needs, and far less than any of the bombs asks for.
const SOME: usize = 80 << 20;

#[test]
fn a_frame_that_is_larger_than_its_canvas_counts() {
    let mut bytes = file(quarters(4, 4), ImageFormat::Gif);
    let frame = bytes
        .windows(5)
        .position(|block| block == [0x2c, 0, 0, 0, 0])
        .unwrap();
    bytes[frame + 5..frame + 9].fill(0xff);
    let (refused, largest) = largest_allocation(|| render(&bytes, &profile(&[50])).unwrap_err());
    assert_eq!(refused.code(), TooManyPixels, "{refused}");
    assert!(largest < SOME, "{largest} bytes at once");
}

#[test]
fn a_colour_profile_may_not_unpack_without_end() {
    let mut bytes = file(quarters(4, 4), ImageFormat::Png);
    let mut profile_chunk = b"icc\0\0".to_vec();
    profile_chunk.extend(zeros_deflated(200 << 20));
    bytes.splice(33..33, chunk(*b"iCCP", &profile_chunk));
    assert!(bytes.len() < 2 << 20);
    let (rendered, largest) = largest_allocation(|| render(&bytes, &profile(&[50])));
    assert!(rendered.is_ok(), "{rendered:?}");
    assert!(largest < SOME, "{largest} bytes at once");
}

#[test]
fn metadata_may_not_be_longer_than_the_file() {
    for name in [b"ICCP", b"EXIF"] {
        let mut bytes = b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x28\0\0\0\x0f\0\0\x0f\0\0".to_vec();
        bytes.extend(name);
        bytes.extend(0x7000_0000_u32.to_le_bytes());
        bytes.extend([0; 64]);
        let (refused, largest) = largest_allocation(|| probe(&bytes).unwrap_err());
        assert_eq!(refused.code(), CorruptImage, "{refused}");
        assert!(largest < SOME, "{largest} bytes at once");
    }
}

#[test]
fn thirty_four_bytes_of_webp_do_not_become_a_gigabyte() {
    // A lossless picture of 16,383 × 16,383 (14 bits each, less one) in one colour.
    let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xfe\xbf\xff\x0f".to_vec();
    bytes.extend([0; 34 - 25]);
    assert_eq!(bytes.len(), 34);
    let (refused, largest) = largest_allocation(|| render(&bytes, &profile(&[50])).unwrap_err());
    assert_eq!(refused.code(), TooManyPixels, "{refused}");
    assert!(largest < SOME, "{largest} bytes at once");
}

#[test]
fn a_lossy_webp_may_not_be_larger_than_its_header_says() {
    // A key frame of 16,383 × 16,383, whose first partition is one kilobyte of nothing.
    let mut picture = vec![0x00, 0x80, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f];
    picture.extend([0; 2048]);
    let named = |name: &[u8; 4], data: &[u8]| {
        let mut bytes = Vec::new();
        push_chunk(&mut bytes, name, data);
        bytes
    };
    // A frame of 40 × 40 at (0, 0).
    let frame = |chunks: &[Vec<u8>]| {
        let header = vec![0, 0, 0, 0, 0, 0, 39, 0, 0, 39, 0, 0, 100, 0, 0, 0x02];
        named(b"ANMF", &[header, chunks.concat()].concat())
    };
    let lossy = named(b"VP8 ", &picture);
    let alpha = named(b"ALPH", &[0; 1601]);
    let animation = named(b"ANIM", &[0; 6]);
    for (name, flags, chunks) in [
        ("still", 0x00, vec![lossy.clone()]),
        (
            "animated",
            0x02,
            vec![animation.clone(), frame(std::slice::from_ref(&lossy))],
        ),
        (
            "behind transparency",
            0x12,
            vec![animation.clone(), frame(&[alpha.clone(), lossy])],
        ),
        (
            "under another name",
            0x12,
            vec![animation, frame(&[alpha, named(b"NONE", &picture)])],
        ),
    ] {
        let mut bytes = webp_extended(&quarters(40, 40), flags, &[]);
        bytes.truncate(30);
        bytes.extend(chunks.concat());
        finish_riff(&mut bytes);
        let (refused, largest) = largest_allocation(|| render(&bytes, &profile(&[50])).unwrap_err());
        assert_eq!(refused.code(), CorruptImage, "{name}: {refused}");
        assert!(largest < SOME, "{name}: {largest} bytes at once");
    }
}

#[test]
fn a_row_without_end_is_refused_by_its_header() {
    let mut bytes = file(quarters(4, 4), ImageFormat::Png);
    let mut header = (i32::MAX.unsigned_abs()).to_be_bytes().to_vec();
    header.extend([0, 0, 0, 1, 16, 6, 0, 0, 0]);
    bytes.splice(8..33, chunk(*b"IHDR", &header));
    let (refused, largest) = largest_allocation(|| render(&bytes, &profile(&[50])).unwrap_err());
    assert_eq!(refused.code(), TooManyPixels, "{refused}");
    assert!(largest < SOME, "{largest} bytes at once");
}

#[test]
fn scans_without_end_are_refused() {
    let whole = jpeg(&quarters(64, 64), &[], mozjpeg::Compress::set_progressive_mode);
    let last = whole
        .windows(2)
        .rposition(|marker| marker == [0xff, 0xda])
        .unwrap();
    let scan = whole[last..whole.len() - 2].to_vec();
    let mut bytes = whole[..whole.len() - 2].to_vec();
    for _ in 0..2_000 {
        bytes.extend(&scan);
    }
    bytes.extend([0xff, 0xd9]);
    let refused = render(&bytes, &profile(&[50])).unwrap_err();
    assert_eq!(refused.code(), CorruptImage, "{refused}");
    let said = std::error::Error::source(&refused).map(ToString::to_string);
    assert!(said.is_some_and(|said| said.contains("scans")), "{refused:?}");
}

#[test]
fn a_picture_within_the_pixels_but_not_the_memory_says_so() {
    let picture = image::ImageBuffer::from_pixel(100, 100, image::Rgba([u16::MAX; 4]));
    let bytes = file(image::DynamicImage::ImageRgba16(picture), ImageFormat::Png);
    let mut wanted = profile(&[50]);
    wanted.max_pixels = 10_000;
    let refused = render(&bytes, &wanted).unwrap_err();
    assert_eq!(refused.code(), TooManyPixels);
    assert_eq!(
        refused.to_string(),
        "takes 80000 bytes once it is decoded; at most 40000 are accepted"
    );
}

#[test]
fn coefficients_that_are_kept_for_the_whole_picture_count() {
    let sharp_colours = |jpeg: &mut mozjpeg::Compress| jpeg.set_chroma_sampling_pixel_sizes((1, 1), (1, 1));
    let picture = quarters(400, 400);
    let progressive = jpeg(&picture, &[], |jpeg| {
        sharp_colours(jpeg);
        jpeg.set_progressive_mode();
    });
    let mut wanted = profile(&[50]);
    // 50 × 50 blocks of 128 bytes for each of three colours: six bytes a pixel.
    wanted.max_pixels = 240_000;
    assert!(render(&progressive, &wanted).is_ok());
    wanted.max_pixels = 239_999;
    let refused = render(&progressive, &wanted).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "takes 960000 bytes once it is decoded; at most 959996 are accepted"
    );
    // What the decoder passes over must not hide the scans from whoever counts before it: here, a segment as long as the
    // whole file, with the sign of a single scan behind it.
    let mut disguised = progressive.clone();
    let length = u16::try_from(progressive.len()).unwrap().to_be_bytes();
    disguised.splice(2..2, [0xff, 0x00, length[0], length[1]]);
    disguised.extend([0xff, 0xda, 0, 12, 3]);
    assert_eq!(render(&disguised, &wanted).unwrap_err(), refused);
    // In one scan nothing is kept.
    let baseline = jpeg(&picture, &[], sharp_colours);
    wanted.max_pixels = 160_000;
    assert!(render(&baseline, &wanted).is_ok());
}

/// So many zeros in zlib's format, a thousandth as long: one literal, and then repetitions of 258 bytes.
fn zeros_deflated(count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0b011, 3); // the last block, with the fixed codes
    bits.put(0b0000_1100, 8); // literal 0 is 00110000, its first bit first
    for _ in 0..count / 258 {
        bits.put(0b1010_0011, 8); // length 258 is 11000101
        bits.put(0, 5); // distance 1
    }
    bits.put(0, 7); // the end
    let mut bytes = vec![0x78, 0x9c];
    bytes.extend(bits.bytes);
    let length = u32::try_from(1 + count / 258 * 258).unwrap();
    // Adler-32 of zeros.
    bytes.extend((((length % 65_521) << 16) | 1).to_be_bytes());
    bytes
}

/// Bits, the lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if value >> bit & 1 == 1 {
                *self.bytes.last_mut().unwrap() |= 1 << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }
}
