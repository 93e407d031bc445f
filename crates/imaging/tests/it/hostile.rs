//! Whatever comes in, something sensible comes out.

use image::ImageFormat;
use imaging::render;
use proptest::prelude::*;

use crate::fixtures::{file, half_clear, jpeg, profile, quarters};

fn whole_files() -> Vec<Vec<u8>> {
    vec![
        jpeg(&quarters(64, 48), &[], |_| {}),
        jpeg(&quarters(64, 48), &[], mozjpeg::Compress::set_progressive_mode),
        file(half_clear(64, 48), ImageFormat::Png),
        file(half_clear(64, 48), ImageFormat::WebP),
        file(quarters(64, 48), ImageFormat::Gif),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = render(&bytes, &profile(&[50]));
    }

    #[test]
    fn no_damage_panics(which in 0_usize..5, damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = whole_files().swap_remove(which);
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        // A damaged size may be large, so the limit is kept small.
        let mut wanted = profile(&[50]);
        wanted.max_pixels = 1_000_000;
        let _ = render(&bytes, &wanted);
    }
}
