//! What comes out.

use domain::ImageFormat::{Gif, Jpeg, Png, WebP};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use imaging::render;
use moxcms::ColorProfile;

use crate::{
    fixtures::{
        assert_quarters, chunk, exif, file, half_clear, is_close, jpeg, jpeg_cmyk, profile, quarters,
        quarters_of,
    },
    riff::webp_extended,
};

#[test]
fn every_format_becomes_both_formats() {
    let picture = quarters(320, 240);
    for (source, format) in [
        (jpeg(&picture, &[], |_| {}), Jpeg),
        (jpeg(&picture, &[], mozjpeg::Compress::set_progressive_mode), Jpeg),
        (file(picture.clone(), ImageFormat::Png), Png),
        (file(picture.clone(), ImageFormat::WebP), WebP),
        (file(picture.clone(), ImageFormat::Gif), Gif),
    ] {
        let rendered = render(&source, &profile(&[160])).unwrap();
        assert_eq!(
            (rendered.width, rendered.height, rendered.format),
            (320, 240, format)
        );
        for output in [Jpeg, WebP] {
            assert_quarters(&rendered, output, 12, &format!("{format} to {output}"));
        }
    }
}

#[test]
fn each_orientation_ends_upright() {
    let upright = quarters(300, 200);
    let picture = DynamicImage::from(upright);
    // What a camera stores so that the value's turn makes it upright again.
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
        let source = jpeg(&stored.into_rgb8(), &[exif(value)], |_| {});
        let rendered = render(&source, &profile(&[120])).unwrap();
        assert_eq!(
            (rendered.width, rendered.height),
            (300, 200),
            "orientation {value}"
        );
        let variant = &rendered.variants[0];
        assert_eq!((variant.width, variant.height), (120, 80), "orientation {value}");
        assert_quarters(&rendered, Jpeg, 12, &format!("orientation {value}"));
    }
}

#[test]
fn a_picture_is_never_enlarged() {
    let source = file(quarters(150, 100), ImageFormat::Png);
    let rendered = render(&source, &profile(&[1600, 800, 100])).unwrap();
    let sizes: Vec<_> = rendered
        .variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.width, variant.height))
        .collect();
    assert_eq!(sizes.len(), 6);
    for expected in [("v1600", 150, 100), ("v800", 150, 100), ("v100", 100, 67)] {
        assert_eq!(
            sizes.iter().filter(|size| **size == expected).count(),
            2,
            "{expected:?} in {sizes:?}"
        );
    }
}

#[test]
fn sizes_come_from_the_original_and_not_from_a_scaled_decode() {
    // Decoded at a quarter, this picture is 501 × 126, of which 200 wide would be 50 high; of the original it is 50, too,
    // but of 2001 × 507 it is 51 against 51; the odd pixels are what this is about.
    for (width, height) in [(2001, 501), (2003, 507), (1999, 1), (1, 1999)] {
        let source = jpeg(&quarters(width, height), &[], |_| {});
        let rendered = render(&source, &profile(&[200])).unwrap();
        let longest = f64::from(width.max(height));
        let expected = [width, height].map(|edge| (f64::from(edge) * 200.0 / longest).round().max(1.0));
        assert_eq!(
            [rendered.variants[0].width, rendered.variants[0].height].map(f64::from),
            expected
        );
    }
}

#[test]
fn transparency_is_kept_in_webp_and_shows_the_background_in_jpeg() {
    let source = file(half_clear(200, 100), ImageFormat::Png);
    let mut wanted = profile(&[100]);
    wanted.background = [0, 0, 255];
    let rendered = render(&source, &wanted).unwrap();
    let jpeg = quarters_of(&rendered, Jpeg);
    assert!(
        is_close(jpeg[0], [0, 0, 255], 12) && is_close(jpeg[1], [255, 0, 0], 12),
        "{jpeg:?}"
    );
    let webp = rendered
        .variants
        .iter()
        .find(|variant| variant.format == WebP)
        .unwrap();
    let webp = image::load_from_memory(&webp.bytes).unwrap().into_rgba8();
    assert_eq!((webp.get_pixel(10, 25)[3], webp.get_pixel(90, 25)[3]), (0, 255));
}

#[test]
fn sixteen_bits_become_eight() {
    let picture =
        image::ImageBuffer::from_fn(80, 60, |x, _| Rgb([u16::try_from(x * 800).unwrap(), 0, u16::MAX]));
    let source = file(DynamicImage::ImageRgb16(picture), ImageFormat::Png);
    let rendered = render(&source, &profile(&[80])).unwrap();
    let found = quarters_of(&rendered, WebP);
    assert!(is_close(found[1], [186, 0, 255], 14), "{found:?}");
}

#[test]
fn the_inks_of_a_print_become_colours() {
    let rendered = render(&jpeg_cmyk(&quarters(160, 120), 0, &[]), &profile(&[160])).unwrap();
    assert_quarters(&rendered, Jpeg, 14, "inks");
}

#[test]
fn a_wide_colour_space_is_converted() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let mut marker = b"ICC_PROFILE\0\x01\x01".to_vec();
    marker.extend(icc);
    let picture = RgbImage::from_pixel(64, 64, Rgb([200, 100, 50]));
    let rendered = render(&jpeg(&picture, &[(2, marker)], |_| {}), &profile(&[64])).unwrap();
    let found = quarters_of(&rendered, Jpeg)[0];
    // The same light has more red in sRGB, whose red is paler.
    assert!(is_close(found, [212, 97, 35], 6), "{found:?}");
}

#[test]
fn no_metadata_comes_through() {
    let picture = quarters(200, 100);
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let xmp = b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">of its AUTHOR</x:xmpmeta>".to_vec();
    let (_, exif_body) = exif(1);
    let in_jpeg = [
        exif(1),
        (
            1,
            [b"http://ns.adobe.com/xap/1.0/\0".to_vec(), xmp.clone()].concat(),
        ),
        (2, [b"ICC_PROFILE\0\x01\x01".to_vec(), icc.clone()].concat()),
        (13, b"Photoshop 3.0\0 of its AUTHOR".to_vec()),
    ];
    let mut in_png = file(picture.clone(), ImageFormat::Png);
    let chunks = [
        chunk(*b"tEXt", b"Comment\0GPS of its AUTHOR"),
        chunk(
            *b"iTXt",
            &[b"XML:com.adobe.xmp\0\0\0\0\0".to_vec(), xmp.clone()].concat(),
        ),
        chunk(*b"eXIf", &exif_body[6..]),
    ];
    in_png.splice(33..33, chunks.concat());
    let in_webp = webp_extended(
        &picture,
        0x2c,
        &[(b"ICCP", &icc), (b"EXIF", &exif_body), (b"XMP ", &xmp)],
    );
    let plain = jpeg(&picture, &[in_jpeg[0].clone(), in_jpeg[1].clone()], |_| {});
    for (name, source) in [
        ("jpeg in its planes", plain),
        ("jpeg", jpeg(&picture, &in_jpeg, |_| {})),
        ("png", in_png),
        ("webp", in_webp),
    ] {
        for word in [b"GPS".as_slice(), b"AUTHOR", b"xmpmeta"] {
            assert!(holds(&source, word), "{name} has nothing to lose");
        }
        let mut wanted = profile(&[100]);
        wanted.variants[0].formats.push(domain::ImageFormat::Avif);
        let rendered = render(&source, &wanted).unwrap();
        assert_eq!(rendered.variants.len(), 3);
        for variant in rendered.variants {
            for word in [
                b"GPS".as_slice(),
                b"AUTHOR",
                b"xmpmeta",
                b"http",
                b"Exif",
                b"EXIF",
                b"eXIf",
                b"XMP",
                b"ICC_PROFILE",
                b"ICCP",
                b"acsp",
                b"Photoshop",
                b"Comment",
            ] {
                let word_found = holds(&variant.bytes, word);
                assert!(
                    !word_found,
                    "{name}: {:?} in {}",
                    word.escape_ascii().to_string(),
                    variant.format
                );
            }
        }
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(bytes, word).is_some()
}

#[test]
fn the_first_frame_of_an_animation_is_the_picture() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for colour in [[200, 0, 0], [0, 200, 0], [0, 0, 200]] {
        let frame = RgbImage::from_pixel(40, 40, Rgb(colour));
        encoder
            .encode_frame(image::Frame::new(DynamicImage::from(frame).into_rgba8()))
            .unwrap();
    }
    drop(encoder);
    let rendered = render(&bytes, &profile(&[40])).unwrap();
    let found = quarters_of(&rendered, Jpeg)[0];
    assert!(is_close(found, [200, 0, 0], 12), "{found:?}");
}

#[test]
fn the_placeholder_has_the_pictures_dominant_colour() {
    let picture = RgbImage::from_pixel(300, 200, Rgb([16, 128, 240]));
    let rendered = render(&file(picture, ImageFormat::Png), &profile(&[100])).unwrap();
    assert_eq!(rendered.placeholder.color, "#1080f0");
    assert!(!rendered.placeholder.thumbhash.is_empty());
}

#[test]
fn a_photograph_of_twelve_megapixels_becomes_its_variants_upright() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/local/samples/seeding-rotated.jpg"
    );
    let rendered = render(&std::fs::read(path).unwrap(), &profile(&[1600, 800, 200])).unwrap();
    assert!(u64::from(rendered.width) * u64::from(rendered.height) > 11_000_000);
    assert!(rendered.width > rendered.height, "upright it is wider than high");
    let large = &rendered.variants[0];
    assert_eq!((large.width, rendered.variants.len()), (1600, 6));
}

#[test]
fn a_dominant_colour_is_one_that_the_picture_has() {
    let mostly_red = RgbImage::from_fn(90, 60, |x, _| {
        Rgb(if x < 55 { [220, 30, 30] } else { [30, 30, 220] })
    });
    let rendered = render(&file(mostly_red, ImageFormat::Png), &profile(&[50])).unwrap();
    assert_eq!(rendered.placeholder.color, "#dc1e1e");
}
