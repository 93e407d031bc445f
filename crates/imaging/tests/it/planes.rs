//! JPEGs that stay in their planes look as those that do not: compared with the same picture without loss, which goes
//! by red, green and blue.

use domain::ImageFormat::{Avif, Jpeg, WebP};
use image::{ImageFormat, Rgb, RgbImage, imageops};
use imaging::{Fit, Rendered, render};

use crate::fixtures::{exif, file, jpeg, profile};

/// Soft waves of brightness and colour, with an edge between two colours that would show a shift.
fn waves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |place: u32, length: f32, phase: f32| {
            let value = (place as f32 / length + phase).sin() * 90.0 + 128.0;
            value as u8
        };
        if (width / 3..width / 2).contains(&x) && (height / 4..height / 2).contains(&y) {
            Rgb([210, 60, 40])
        } else {
            Rgb([wave(x, 23.0, 0.0), wave(y, 31.0, 1.0), wave(x + y, 37.0, 2.0)])
        }
    })
}

/// The mean difference between two pictures in levels of a channel: of the whole, and of the last columns and rows, where
/// what was shifted or is missing shows most.
fn difference(one: &RgbImage, other: &RgbImage) -> (f64, f64) {
    assert_eq!(one.dimensions(), other.dimensions());
    let (width, height) = one.dimensions();
    let mean = |is_looked_at: &dyn Fn(u32, u32) -> bool| {
        let places = one.enumerate_pixels().filter(|(x, y, _)| is_looked_at(*x, *y));
        let levels: Vec<f64> = places
            .flat_map(|(x, y, pixel)| {
                let other = other.get_pixel(x, y);
                [0, 1, 2].map(|channel| f64::from(pixel[channel].abs_diff(other[channel])))
            })
            .collect();
        levels.iter().sum::<f64>() / levels.len() as f64
    };
    (
        mean(&|_, _| true),
        mean(&|x, y| x + 2 >= width || y + 2 >= height),
    )
}

fn shown(rendered: &Rendered, format: domain::ImageFormat, place: usize) -> RgbImage {
    let mut variants = rendered
        .variants
        .iter()
        .filter(|variant| variant.format == format);
    let variant = variants.nth(place).unwrap();
    let picture = image::load_from_memory(&variant.bytes).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (variant.width, variant.height));
    picture
}

/// What JPEG and WebP may change in such a picture: in levels, of the whole and at its end.
const USUAL: (f64, f64) = (3.5, 5.0);
/// The same where four pixels share a colour in the source.
const COARSE: (f64, f64) = (6.0, 7.0);

fn assert_alike(source: &[u8], reference: &RgbImage, edges: &[u32], most: (f64, f64), what: &str) {
    let mut wanted = profile(edges);
    (wanted.jpeg.quality, wanted.webp.quality) = (95, 95);
    let ours = render(source, &wanted).unwrap();
    let theirs = render(&file(reference.clone(), ImageFormat::Png), &wanted).unwrap();
    assert_eq!((ours.width, ours.height), reference.dimensions(), "{what}");
    for format in [Jpeg, WebP] {
        for place in 0..edges.len() {
            let found = difference(&shown(&ours, format, place), &shown(&theirs, format, place));
            assert!(
                found.0 < most.0 && found.1 < most.1,
                "{what}, {format:?}, {place}: {found:?}"
            );
        }
    }
    assert_eq!(ours.placeholder.color.len(), theirs.placeholder.color.len());
}

#[test]
fn however_colour_is_stored_it_comes_out_in_its_place() {
    // Samples of colour are so many pixels wide and high.
    for sampling in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1)] {
        for (width, height) in [(640, 480), (641, 479), (333, 500)] {
            let picture = waves(width, height);
            let source = jpeg(&picture, &[], |jpeg| {
                jpeg.set_quality(96.0);
                jpeg.set_chroma_sampling_pixel_sizes(sampling, sampling);
            });
            // As stored, at a half, a quarter and an eighth, and each size from the one before it.
            for edges in [&[1000][..], &[300, 77], &[151], &[75, 33]] {
                let what = format!("{sampling:?}, {width} × {height}, {edges:?}");
                let most = if sampling.0 > 2 { COARSE } else { USUAL };
                assert_alike(&source, &picture, edges, most, &what);
            }
        }
    }
}

#[test]
fn progressive_files_come_out_as_others_do() {
    let picture = waves(640, 426);
    let source = jpeg(&picture, &[], |jpeg| {
        jpeg.set_quality(96.0);
        jpeg.set_progressive_mode();
    });
    for edges in [&[640][..], &[320, 100], &[160], &[50]] {
        assert_alike(&source, &picture, edges, USUAL, &format!("{edges:?}"));
    }
}

#[test]
fn turned_pictures_come_out_upright_at_even_and_odd_sizes() {
    let picture = waves(400, 300);
    for orientation in 1..=8 {
        let stored = &picture;
        let upright = match orientation {
            2 => imageops::flip_horizontal(stored),
            3 => imageops::rotate180(stored),
            4 => imageops::flip_vertical(stored),
            5 => imageops::flip_horizontal(&imageops::rotate90(stored)),
            6 => imageops::rotate90(stored),
            7 => imageops::flip_horizontal(&imageops::rotate270(stored)),
            8 => imageops::rotate270(stored),
            _ => stored.clone(),
        };
        let source = jpeg(stored, &[exif(orientation)], |jpeg| {
            jpeg.set_quality(96.0);
        });
        for edges in [&[200][..], &[201], &[101, 50]] {
            assert_alike(
                &source,
                &upright,
                edges,
                USUAL,
                &format!("orientation {orientation}, {edges:?}"),
            );
        }
    }
}

#[test]
fn cut_variants_and_avif_are_made_of_the_same_picture() {
    let picture = waves(640, 480);
    let source = jpeg(&picture, &[], |jpeg| jpeg.set_quality(96.0));
    let mut wanted = profile(&[320, 161]);
    wanted.jpeg.quality = 95;
    wanted.variants[1].fit = Fit::Cover;
    wanted.variants[1].height = 100;
    for variant in &mut wanted.variants {
        variant.formats = vec![Jpeg, Avif];
    }
    let ours = render(&source, &wanted).unwrap();
    let theirs = render(&file(picture, ImageFormat::Png), &wanted).unwrap();
    for place in 0..2 {
        let found = difference(&shown(&ours, Jpeg, place), &shown(&theirs, Jpeg, place));
        assert!(found.0 < 3.5, "{place}: {found:?}");
    }
    let sizes = |rendered: &Rendered| -> Vec<usize> {
        let avif = rendered.variants.iter().filter(|variant| variant.format == Avif);
        avif.map(|variant| variant.bytes.len()).collect()
    };
    // There is no decoder of AVIF here; the same picture makes files of nearly the same length.
    for (ours, theirs) in sizes(&ours).into_iter().zip(sizes(&theirs)) {
        assert!(ours.abs_diff(theirs) * 5 < theirs, "{ours} and {theirs} bytes");
    }
}
