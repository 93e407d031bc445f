//! Pictures of many frames, of which one is wanted.

use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage};
use imaging::{probe, render};

use crate::{
    fixtures::{chunk, file, is_close, profile, quarters, quarters_of},
    memory::allocated_together,
    riff::{finish_riff, push_chunk, webp_body, webp_extended},
};

/// A GIF whose first frame is red, and all others blue.
fn gif(frames: usize, edge: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for number in 0..frames {
        let colour = if number == 0 { [200, 0, 0] } else { [0, 0, 200] };
        let picture = RgbImage::from_pixel(edge, edge, Rgb(colour));
        encoder
            .encode_frame(Frame::new(DynamicImage::from(picture).into_rgba8()))
            .unwrap();
    }
    drop(encoder);
    bytes
}

fn animated_webp(colours: &[[u8; 3]]) -> Vec<u8> {
    let mut bytes = webp_extended(&RgbImage::new(40, 40), 0x02, &[]);
    bytes.truncate(30);
    push_chunk(&mut bytes, b"ANIM", &[0; 6]);
    for colour in colours {
        // At (0, 0), 40 × 40, for 100 ms, without blending.
        let mut frame = vec![0, 0, 0, 0, 0, 0, 39, 0, 0, 39, 0, 0, 100, 0, 0, 0x02];
        frame.extend(webp_body(&RgbImage::from_pixel(40, 40, Rgb(*colour))));
        push_chunk(&mut bytes, b"ANMF", &frame);
    }
    finish_riff(&mut bytes);
    bytes
}

/// A PNG that says it is animated: its picture is the first of so many frames.
fn animated_png(frames: u8) -> Vec<u8> {
    let mut bytes = file(RgbImage::from_pixel(40, 40, Rgb([200, 0, 0])), ImageFormat::Png);
    bytes.splice(33..33, chunk(*b"acTL", &[0, 0, 0, frames, 0, 0, 0, 0]));
    bytes
}

#[test]
fn an_animation_is_called_one_and_a_still_picture_is_not() {
    for (name, bytes) in [
        ("gif", gif(3, 40)),
        ("webp", animated_webp(&[[200, 0, 0], [0, 0, 200]])),
        ("png", animated_png(2)),
    ] {
        assert!(probe(&bytes).unwrap().animated, "{name}");
    }
    for (name, bytes) in [
        ("gif", gif(1, 40)),
        ("webp", file(quarters(40, 40), ImageFormat::WebP)),
        ("webp of one frame", animated_webp(&[[200, 0, 0]])),
        ("png of one frame", animated_png(1)),
        ("png", file(quarters(40, 40), ImageFormat::Png)),
        ("jpeg", file(quarters(40, 40), ImageFormat::Jpeg)),
    ] {
        assert!(!probe(&bytes).unwrap().animated, "{name}");
        assert!(!render(&bytes, &profile(&[40])).unwrap().animated, "{name}");
    }
}

#[test]
fn of_five_hundred_frames_the_first_alone_is_decoded() {
    let bytes = gif(500, 200);
    let (rendered, together) = allocated_together(|| render(&bytes, &profile(&[100])).unwrap());
    assert!(rendered.animated);
    let found = quarters_of(&rendered, domain::ImageFormat::Jpeg)[0];
    assert!(is_close(found, [200, 0, 0], 12), "{found:?}");
    // A frame is 160,000 bytes, so all of them were 80 million, kept or not; the encoders and tables take what is left.
    assert!(together < 8 << 20, "{together} bytes in all");
}

#[test]
fn an_animation_that_breaks_off_behind_its_first_frame_is_still_a_picture() {
    let webp = animated_webp(&[[200, 0, 0], [0, 200, 0], [0, 0, 200]]);
    for (name, whole) in [("gif", gif(3, 40)), ("webp", webp)] {
        let mut bytes = whole.clone();
        bytes.truncate(whole.len() - 8);
        let rendered = render(&bytes, &profile(&[40])).unwrap();
        assert!(rendered.animated, "{name}");
        let found = quarters_of(&rendered, domain::ImageFormat::Jpeg)[0];
        assert!(is_close(found, [200, 0, 0], 12), "{name}: {found:?}");
    }
}

#[test]
fn an_animation_that_breaks_off_within_its_first_frame_is_corrupt() {
    let noise = RgbImage::from_fn(40, 40, |x, y| {
        Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8])
    });
    let mut webp = webp_extended(&noise, 0x02, &[]);
    webp.truncate(30);
    push_chunk(&mut webp, b"ANIM", &[0; 6]);
    let first = webp.len();
    for picture in [noise.clone(), noise] {
        let mut frame = vec![0, 0, 0, 0, 0, 0, 39, 0, 0, 39, 0, 0, 100, 0, 0, 0x02];
        frame.extend(webp_body(&picture));
        push_chunk(&mut webp, b"ANMF", &frame);
    }
    finish_riff(&mut webp);
    let second = memchr::memmem::rfind(&webp, b"ANMF").unwrap();
    for cut in [(first + second) / 2, second - 4] {
        let refused = render(&webp[..cut], &profile(&[40])).unwrap_err();
        assert_eq!(refused.code(), domain::ImageErrorCode::CorruptImage, "{cut}");
    }
    assert!(render(&webp[..second], &profile(&[40])).is_ok());
}
