//! A decoded picture.

use std::borrow::Cow;

use image::metadata::Orientation;

use crate::{
    error::ImagingError,
    geometry::{Cut, Size},
    orient,
};

/// How many bytes a pixel has, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, opacity; not multiplied.
    Rgba,
}

impl Channels {
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// Eight bits a channel, row by row, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: Channels,
    pub(crate) data: Vec<u8>,
}

impl Pixels {
    /// Takes the bytes of a decoder.
    ///
    /// # Errors
    /// Their number does not fit the size.
    pub(crate) fn new(
        width: u32,
        height: u32,
        channels: Channels,
        data: Vec<u8>,
    ) -> Result<Self, ImagingError> {
        let expected = width as usize * height as usize * channels.count();
        if width == 0 || height == 0 || data.len() != expected {
            return Err(ImagingError::corrupt("its size and its content differ"));
        }
        Ok(Self {
            width,
            height,
            channels,
            data,
        })
    }

    /// Drops an alpha channel that hides nothing, so that the picture costs what an opaque one costs.
    pub(crate) fn without_needless_alpha(self) -> Self {
        if self.channels == Channels::Rgba && self.data.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) {
            return self.flattened([0; 3]).into_owned();
        }
        self
    }

    /// Width and height.
    pub(crate) const fn size(&self) -> Size {
        (self.width, self.height)
    }

    /// Turns a stored picture upright.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::NoTransforms {
            return self;
        }
        let size = self.size();
        let data = match self.channels {
            Channels::Rgb => orient::turned::<3>(&self.data, size, orientation),
            Channels::Rgba => orient::turned::<4>(&self.data, size, orientation),
        };
        let (width, height) = if orient::swaps_edges(orientation) {
            (size.1, size.0)
        } else {
            size
        };
        Self {
            width,
            height,
            data,
            ..self
        }
    }

    /// A part of the picture, which lies within it.
    pub(crate) fn cut(&self, cut: Cut) -> Self {
        let (width, height) = cut.size;
        let channels = self.channels.count();
        let (first, length) = (cut.left as usize * channels, width as usize * channels);
        let rows = self.data.chunks_exact(self.width as usize * channels);
        let data = rows
            .skip(cut.top as usize)
            .take(height as usize)
            .flat_map(|row| &row[first..first + length])
            .copied()
            .collect();
        Self {
            width,
            height,
            channels: self.channels,
            data,
        }
    }

    /// Lays the picture on a background; an opaque one stays as it is.
    pub(crate) fn flattened(&self, background: [u8; 3]) -> Cow<'_, Self> {
        if self.channels == Channels::Rgb {
            return Cow::Borrowed(self);
        }
        let blend = |over: u8, under: u8, alpha: u8| {
            let (over, under, alpha) = (u32::from(over), u32::from(under), u32::from(alpha));
            // Rounds to the nearest; the result is at most 255.
            u8::try_from((over * alpha + under * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        let data = self
            .data
            .chunks_exact(4)
            .flat_map(|pixel| [0, 1, 2].map(|channel| blend(pixel[channel], background[channel], pixel[3])))
            .collect();
        Cow::Owned(Self {
            channels: Channels::Rgb,
            data,
            ..*self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_shows_the_background() {
        let pixels = Pixels::new(
            3,
            1,
            Channels::Rgba,
            vec![9, 9, 9, 0, 0, 0, 0, 255, 255, 0, 0, 128],
        )
        .unwrap();
        let flat = pixels.flattened([255, 255, 255]);
        assert_eq!(
            (flat.channels, flat.data.clone()),
            (Channels::Rgb, vec![255, 255, 255, 0, 0, 0, 255, 127, 127])
        );
    }

    #[test]
    fn a_part_has_the_pixels_of_its_place() {
        let pixels = Pixels::new(3, 3, Channels::Rgb, (0..27).collect()).unwrap();
        let part = pixels.cut(Cut {
            left: 1,
            top: 1,
            size: (2, 1),
        });
        assert_eq!(
            (part.size(), part.data.as_slice()),
            ((2, 1), [12, 13, 14, 15, 16, 17].as_slice())
        );
    }

    #[test]
    fn alpha_that_hides_nothing_is_dropped() {
        let opaque = Pixels::new(1, 1, Channels::Rgba, vec![1, 2, 3, 255]).unwrap();
        assert_eq!(opaque.without_needless_alpha().data, [1, 2, 3]);
        let clear = Pixels::new(1, 1, Channels::Rgba, vec![1, 2, 3, 254]).unwrap();
        assert_eq!(clear.clone().without_needless_alpha(), clear);
    }
}
