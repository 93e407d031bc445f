//! Sizes, and getting to them.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};

use crate::{
    error::ImagingError,
    pixels::{Channels, Pixels},
};

/// The size of a variant, worked out from the original: its longest edge, rounded to the nearest, never enlarged.
pub(crate) fn fit(width: u32, height: u32, longest_edge: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longest_edge {
        return (width, height);
    }
    let scaled = |edge: u32| {
        let (edge, longest, limit) = (u64::from(edge), u64::from(longest), u64::from(longest_edge));
        // At most `longest_edge`, so it fits.
        u32::try_from((2 * edge * limit + longest) / (2 * longest))
            .unwrap_or(longest_edge)
            .max(1)
    };
    (scaled(width), scaled(height))
}

/// Scales a picture to a size, by Lanczos with three lobes. Colours of hidden pixels do not bleed into others.
pub(crate) fn scale(pixels: &Pixels, (width, height): (u32, u32)) -> Result<Pixels, ImagingError> {
    if (pixels.width, pixels.height) == (width, height) {
        return Ok(pixels.clone());
    }
    let kind = match pixels.channels {
        Channels::Rgb => PixelType::U8x3,
        Channels::Rgba => PixelType::U8x4,
    };
    let source = fast_image_resize::images::ImageRef::new(pixels.width, pixels.height, &pixels.data, kind)
        .map_err(ImagingError::corrupt)?;
    let mut target = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(ImagingError::corrupt)?;
    Pixels::new(width, height, pixels.channels, target.into_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_follow_the_longest_edge() {
        assert_eq!(fit(4032, 3024, 1600), (1600, 1200));
        assert_eq!(fit(3024, 4032, 200), (150, 200));
        assert_eq!(fit(100, 50, 200), (100, 50));
        assert_eq!(fit(10_000, 1, 200), (200, 1));
        assert_eq!(fit(1001, 333, 1000), (1000, 333));
    }

    proptest! {
        #[test]
        fn no_picture_is_enlarged_or_lost(width in 1_u32..70_000, height in 1_u32..70_000, edge in 1_u32..20_000) {
            let (to_width, to_height) = fit(width, height, edge);
            prop_assert!((1..=width).contains(&to_width) && (1..=height).contains(&to_height));
            prop_assert_eq!(to_width.max(to_height), edge.min(width.max(height)));
        }
    }
}
