//! The whole way of whatever comes, in small: what is too large is refused by its header.

#![no_main]

use imaging::{JpegProfile, RenderProfile, VariantProfile, WebpProfile};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let profile = RenderProfile {
        max_pixels: 250_000,
        background: [255; 3],
        variants: vec![VariantProfile {
            name: "small".to_owned(),
            longest_edge: 50,
        }],
        jpeg: Some(JpegProfile { quality: 80 }),
        webp: Some(WebpProfile {
            quality: 80,
            method: 0,
        }),
    };
    if let Ok(rendered) = imaging::render(bytes, &profile) {
        assert_eq!(rendered.variants.len(), 2);
        assert!(
            rendered
                .variants
                .iter()
                .all(|variant| variant.width.max(variant.height) <= 50)
        );
    }
});
