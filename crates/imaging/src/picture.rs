//! A picture on its way through the sizes.

use std::borrow::Cow;

use image::metadata::Orientation;

use crate::{
    error::ImagingError,
    geometry::{Cut, Size},
    pixels::Pixels,
    planes::Planes,
    resize,
};

/// A picture in the form that costs least: most JPEGs never become red, green and blue.
#[derive(Clone, Debug)]
pub(crate) enum Picture {
    Pixels(Pixels),
    Planes(Planes),
}

impl Picture {
    /// Width and height.
    pub(crate) const fn size(&self) -> Size {
        match self {
            Self::Pixels(pixels) => pixels.size(),
            Self::Planes(planes) => planes.size,
        }
    }

    /// The picture at a size.
    pub(crate) fn scaled(&self, size: Size) -> Result<Self, ImagingError> {
        match self {
            Self::Pixels(pixels) => resize::scale(pixels, size).map(Self::Pixels),
            Self::Planes(planes) => planes.scaled(size).map(Self::Planes),
        }
    }

    /// Turns a stored picture upright.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        match self {
            Self::Pixels(pixels) => Self::Pixels(pixels.upright(orientation)),
            Self::Planes(planes) => Self::Planes(planes.upright(orientation)),
        }
    }

    /// A part of the picture, which lies within it.
    pub(crate) fn cut(&self, cut: Cut) -> Result<Cow<'_, Self>, ImagingError> {
        if cut.size == self.size() {
            return Ok(Cow::Borrowed(self));
        }
        Ok(Cow::Owned(Self::Pixels(self.pixels()?.cut(cut))))
    }

    /// The picture in red, green and blue.
    pub(crate) fn pixels(&self) -> Result<Cow<'_, Pixels>, ImagingError> {
        match self {
            Self::Pixels(pixels) => Ok(Cow::Borrowed(pixels)),
            Self::Planes(planes) => planes.to_pixels().map(Cow::Owned),
        }
    }
}
