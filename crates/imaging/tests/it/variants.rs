//! How variants are cut, and what they are written as.

use domain::ImageFormat::{Avif, Jpeg, WebP};
use image::{ImageFormat, Rgb, RgbImage};
use imaging::{
    AvifProfile, Fit, JpegProfile, RenderProfile, Rendered, RenderedVariant, Tuning, VariantProfile,
    VariantTuning, WebpProfile, render, render_tuned,
};

use crate::fixtures::{exif, file, half_clear, is_close, jpeg, profile, quarters};

const RED: [u8; 3] = [220, 30, 30];
const GREEN: [u8; 3] = [30, 200, 30];
const BLUE: [u8; 3] = [30, 30, 220];

/// Three upright stripes of equal width.
fn stripes(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        Rgb([RED, GREEN, BLUE][(x * 3 / width) as usize])
    })
}

fn variant(name: &str, (width, height): (u32, u32), fit: Fit) -> VariantProfile {
    VariantProfile {
        name: name.to_owned(),
        width,
        height,
        fit,
        formats: vec![Jpeg],
    }
}

fn wanted(variants: Vec<VariantProfile>) -> RenderProfile {
    RenderProfile {
        variants,
        ..profile(&[])
    }
}

fn named<'a>(rendered: &'a Rendered, name: &str) -> &'a RenderedVariant {
    let mut variants = rendered.variants.iter();
    variants.find(|variant| variant.name == name).unwrap()
}

fn pixels(variant: &RenderedVariant) -> RgbImage {
    let picture = image::load_from_memory(&variant.bytes).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (variant.width, variant.height));
    picture
}

fn assert_is(picture: &RgbImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let found = picture.get_pixel(x, y).0;
    assert!(
        is_close(found, expected, 14),
        "{x}, {y}: {found:?}, not {expected:?}"
    );
}

#[test]
fn a_box_is_filled_with_the_middle_of_the_picture() {
    let source = file(stripes(600, 200), ImageFormat::Png);
    let rendered = render(&source, &wanted(vec![variant("square", (50, 50), Fit::Cover)])).unwrap();
    let square = pixels(named(&rendered, "square"));
    assert_eq!(square.dimensions(), (50, 50));
    for place in [(3, 3), (46, 3), (25, 25), (3, 46), (46, 46)] {
        assert_is(&square, place, GREEN);
    }
    let rendered = render(&source, &wanted(vec![variant("wide", (150, 25), Fit::Cover)])).unwrap();
    let wide = pixels(named(&rendered, "wide"));
    for (x, colour) in [(5, RED), (75, GREEN), (144, BLUE)] {
        assert_is(&wide, (x, 12), colour);
    }
}

#[test]
fn a_picture_is_cut_as_it_is_seen_and_not_as_it_is_stored() {
    // Stored lying: upright it is 200 × 600, red on top.
    let lying = stripes(600, 200);
    let source = jpeg(&lying, &[exif(6)], |_| {});
    let rendered = render(&source, &wanted(vec![variant("tall", (50, 150), Fit::Cover)])).unwrap();
    assert_eq!((rendered.width, rendered.height), (200, 600));
    let tall = pixels(named(&rendered, "tall"));
    for (y, colour) in [(5, RED), (75, GREEN), (144, BLUE)] {
        assert_is(&tall, (25, y), colour);
    }
    let rendered = render(&source, &wanted(vec![variant("square", (50, 50), Fit::Cover)])).unwrap();
    assert_is(&pixels(named(&rendered, "square")), (25, 4), GREEN);
}

#[test]
fn a_whole_picture_comes_into_its_box() {
    let source = file(stripes(600, 200), ImageFormat::Png);
    let sizes = [
        ("by width", (300, 300), (300, 100)),
        ("by height", (300, 20), (60, 20)),
        ("as it is", (601, 200), (600, 200)),
    ];
    let variants = sizes.map(|(name, size, _)| variant(name, size, Fit::Contain));
    let rendered = render(&source, &wanted(variants.to_vec())).unwrap();
    for (name, _, size) in sizes {
        let made = named(&rendered, name);
        assert_eq!((made.width, made.height), size, "{name}");
        let picture = pixels(made);
        assert_is(&picture, (size.0 / 6, size.1 / 2), RED);
        assert_is(&picture, (size.0 * 5 / 6, size.1 / 2), BLUE);
    }
}

#[test]
fn a_picture_smaller_than_the_box_is_cut_to_its_proportions_and_not_enlarged() {
    let source = file(stripes(90, 30), ImageFormat::Png);
    let rendered = render(
        &source,
        &wanted(vec![
            variant("square", (400, 400), Fit::Cover),
            variant("whole", (400, 400), Fit::Contain),
        ]),
    )
    .unwrap();
    let square = pixels(named(&rendered, "square"));
    assert_eq!(square.dimensions(), (30, 30));
    assert_is(&square, (15, 15), GREEN);
    assert_eq!(pixels(named(&rendered, "whole")).dimensions(), (90, 30));
}

#[test]
fn cuts_and_whole_pictures_stand_side_by_side() {
    let source = jpeg(&stripes(1800, 600), &[], |_| {});
    let rendered = render(
        &source,
        &wanted(vec![
            variant("small", (60, 60), Fit::Contain),
            variant("square", (300, 300), Fit::Cover),
            variant("large", (1200, 1200), Fit::Contain),
        ]),
    )
    .unwrap();
    let names: Vec<_> = rendered.variants.iter().map(|made| made.name.as_str()).collect();
    assert_eq!(names, ["large", "square", "small"]);
    assert_is(&pixels(named(&rendered, "square")), (150, 150), GREEN);
    let small = pixels(named(&rendered, "small"));
    assert_eq!(small.dimensions(), (60, 20));
    for (x, colour) in [(8, RED), (30, GREEN), (52, BLUE)] {
        assert_is(&small, (x, 10), colour);
    }
}

#[test]
fn each_variant_has_its_own_formats() {
    let mut both = variant("both", (100, 100), Fit::Contain);
    both.formats = vec![Jpeg, WebP];
    let mut modern = variant("modern", (100, 100), Fit::Contain);
    modern.formats = vec![WebP, Avif];
    let source = file(quarters(300, 200), ImageFormat::Png);
    let rendered = render(&source, &wanted(vec![both, modern])).unwrap();
    let made: Vec<_> = rendered
        .variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.format))
        .collect();
    assert_eq!(
        made,
        [("both", Jpeg), ("both", WebP), ("modern", WebP), ("modern", Avif)]
    );
    assert_eq!(rendered.variants[1].bytes, rendered.variants[2].bytes);
}

#[test]
fn each_variant_is_written_in_its_own_way_where_it_has_one() {
    // Of one size, so that each file is written once for all that want the same.
    let variants = ["plain", "coarse", "small", "also plain"].map(|name| VariantProfile {
        formats: vec![Jpeg, WebP, Avif],
        ..variant(name, (96, 96), Fit::Contain)
    });
    let profile = wanted(variants.to_vec());
    let coarse = VariantTuning {
        jpeg: Some(JpegProfile { quality: 20 }),
        webp: Some(WebpProfile {
            quality: 20,
            method: 2,
        }),
        avif: Some(AvifProfile {
            quality: 20,
            speed: 10,
        }),
    };
    let small = VariantTuning {
        webp: Some(WebpProfile {
            quality: 90,
            method: 6,
        }),
        ..VariantTuning::default()
    };
    let tuning: Tuning = [("coarse", coarse), ("small", small)]
        .map(|(name, own)| (name.to_owned(), own))
        .into_iter()
        .collect();
    let noise = RgbImage::from_fn(160, 120, |x, y| {
        Rgb([(x * 7 + y * 3) as u8, (x * y) as u8, (x ^ (y * 5)) as u8])
    });
    let source = file(noise, ImageFormat::Png);
    let rendered = render_tuned(&source, &profile, &tuning).unwrap();
    let bytes = |name: &str, format| {
        let mut variants = rendered.variants.iter();
        let found = variants.find(|variant| variant.name == name && variant.format == format);
        &found.unwrap().bytes
    };
    // What is made where all are written so.
    let all_coarse = RenderProfile {
        jpeg: coarse.jpeg.unwrap(),
        webp: coarse.webp.unwrap(),
        avif: coarse.avif.unwrap(),
        ..profile.clone()
    };
    let (fine, coarse) = (
        render(&source, &profile).unwrap(),
        render(&source, &all_coarse).unwrap(),
    );
    for (place, format) in [Jpeg, WebP, Avif].into_iter().enumerate() {
        assert_eq!(bytes("plain", format), &fine.variants[place].bytes, "{format}");
        assert_eq!(
            bytes("also plain", format),
            &fine.variants[place].bytes,
            "{format}"
        );
        assert_eq!(bytes("coarse", format), &coarse.variants[place].bytes, "{format}");
        assert!(
            bytes("coarse", format).len() < bytes("plain", format).len(),
            "{format}"
        );
        // Only WebP, and only its method, is another.
        assert_eq!(
            bytes("small", format) == bytes("plain", format),
            format != WebP,
            "{format}"
        );
    }
}

#[test]
fn avif_is_written_with_the_size_of_the_variant_with_and_without_transparency() {
    let mut modern = variant("modern", (64, 64), Fit::Contain);
    modern.formats = vec![Avif];
    let opaque = file(quarters(128, 96), ImageFormat::Png);
    for (source, is_clear) in [
        (opaque, false),
        (file(half_clear(128, 96), ImageFormat::Png), true),
    ] {
        let rendered = render(&source, &wanted(vec![modern.clone()])).unwrap();
        let made = &rendered.variants[0];
        assert_eq!(&made.bytes[4..12], b"ftypavif");
        // ISO/IEC 23008-12, 6.5.3: the size of the picture, after four bytes of version and flags.
        let sizes = positions(&made.bytes, b"ispe").into_iter().map(|at| {
            let edge = |from: usize| u32::from_be_bytes(made.bytes[from..from + 4].try_into().unwrap());
            (edge(at + 8), edge(at + 12))
        });
        for size in sizes {
            assert_eq!(size, (made.width, made.height));
        }
        assert_eq!(positions(&made.bytes, b"auxC").len(), usize::from(is_clear));
    }
}

fn positions(bytes: &[u8], word: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(word.len()).enumerate();
    windows
        .filter_map(|(position, window)| (window == word).then_some(position))
        .collect()
}
