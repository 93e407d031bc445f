//! The whole way of whatever comes, in small: what is too large is refused by its header.

#![no_main]

use domain::ImageFormat;
use imaging::{AvifProfile, Fit, JpegProfile, RenderProfile, VariantProfile, WebpProfile};

#[path = "panics.rs"]
mod panics;

libfuzzer_sys::fuzz_target!(init: panics::leave_to_the_shield(), |bytes: &[u8]| {
    let profile = RenderProfile {
        max_pixels: 250_000,
        background: [255; 3],
        variants: vec![VariantProfile {
            name: "small".to_owned(),
            width: 50,
            height: 40,
            fit: Fit::Cover,
            formats: vec![ImageFormat::Jpeg, ImageFormat::WebP],
        }],
        jpeg: JpegProfile { quality: 80 },
        webp: WebpProfile {
            quality: 80,
            method: 0,
        },
        avif: AvifProfile {
            quality: 65,
            speed: 10,
        },
    };
    if let Ok(rendered) = imaging::render(bytes, &profile) {
        assert_eq!(rendered.variants.len(), 2);
        assert!(
            rendered
                .variants
                .iter()
                .all(|variant| variant.width <= 50 && variant.height <= 40)
        );
    }
});
