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
        // One is cut, and one stays in the planes of a JPEG.
        variants: [("cut", 50, 40, Fit::Cover), ("whole", 31, 31, Fit::Contain)]
            .map(|(name, width, height, fit)| VariantProfile {
                name: name.to_owned(),
                width,
                height,
                fit,
                formats: vec![ImageFormat::Jpeg, ImageFormat::WebP],
            })
            .to_vec(),
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
        assert_eq!(rendered.variants.len(), 4);
        assert!(
            rendered
                .variants
                .iter()
                .all(|variant| variant.width <= 50 && variant.height <= 40)
        );
    }
});
