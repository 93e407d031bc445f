//! From one size to another.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};

use crate::{
    error::ImagingError,
    geometry::Size,
    pixels::{Channels, Pixels},
};

/// Scales a picture to a size, by Lanczos with three lobes. Colours of hidden pixels do not bleed into others.
pub(crate) fn scale(pixels: &Pixels, (width, height): Size) -> Result<Pixels, ImagingError> {
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
