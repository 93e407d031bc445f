//! A picture as JPEG and WebP hold it: brightness in full, and two planes of colour at half the size.
//!
//! From JPEG to JPEG or WebP nothing else is needed, and there is half as much to scale as in red, green and blue. The
//! planes are those of ITU-R BT.601 in the full range (JFIF 1.02).

use std::borrow::Cow;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::metadata::Orientation;

use crate::{
    error::ImagingError,
    geometry::Size,
    orient,
    pixels::{Channels, Pixels},
};

/// One value for each sample, row by row, without gaps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// How many of its samples the picture takes across and down; of the last ones perhaps a part.
    pub(crate) extent: (f64, f64),
    pub(crate) data: Vec<u8>,
}

/// A picture without transparency.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planes {
    pub(crate) size: Size,
    /// Brightness, blue against yellow, red against green.
    pub(crate) planes: [Plane; 3],
}

/// Width and height of the planes of colour, each sample of which stands for two by two pixels.
pub(crate) const fn halved((width, height): Size) -> Size {
    (width.div_ceil(2), height.div_ceil(2))
}

impl Planes {
    /// The picture at a size, by Lanczos with three lobes; colour at half of it, by Catmull-Rom, whose softer edges
    /// nobody sees in colour and which takes two thirds of the time.
    pub(crate) fn scaled(&self, size: Size) -> Result<Self, ImagingError> {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let [luma, blue, red] = &self.planes;
        let half =
            |plane: &Plane| plane.scaled(halved(size), (width / 2.0, height / 2.0), FilterType::CatmullRom);
        Ok(Self {
            size,
            planes: [
                luma.scaled(size, (width, height), FilterType::Lanczos3)?,
                half(blue)?,
                half(red)?,
            ],
        })
    }

    /// True where colour is at half the size, and no sample is missing.
    pub(crate) fn are_encodable(&self) -> bool {
        let sizes = [self.size, halved(self.size), halved(self.size)];
        self.planes.iter().zip(sizes).all(|(plane, (width, height))| {
            (plane.width, plane.height) == (width, height)
                && plane.data.len() == width as usize * height as usize
        })
    }

    /// Turns a stored picture upright. Where that mirrors an odd edge, colour moves by a pixel.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::NoTransforms {
            return self;
        }
        let swap = orient::swaps_edges(orientation);
        Self {
            size: if swap {
                (self.size.1, self.size.0)
            } else {
                self.size
            },
            planes: self.planes.map(|plane| Plane {
                data: orient::turned::<1>(&plane.data, (plane.width, plane.height), orientation),
                width: if swap { plane.height } else { plane.width },
                height: if swap { plane.width } else { plane.height },
                extent: if swap {
                    (plane.extent.1, plane.extent.0)
                } else {
                    plane.extent
                },
            }),
        }
    }

    /// The picture in red, green and blue.
    pub(crate) fn to_pixels(&self) -> Result<Pixels, ImagingError> {
        let extent = (f64::from(self.size.0), f64::from(self.size.1));
        let whole = |plane: &Plane| plane.scaled(self.size, extent, FilterType::Bilinear);
        let [luma, blue, red] = &self.planes;
        let (blue, red) = (whole(blue)?, whole(red)?);
        let mut data = Vec::with_capacity(luma.data.len() * 3);
        for ((luma, blue), red) in luma.data.iter().zip(&blue.data).zip(&red.data) {
            data.extend_from_slice(&rgb(*luma, *blue, *red));
        }
        Pixels::new(self.size.0, self.size.1, Channels::Rgb, data)
    }
}

impl Plane {
    /// The plane with as many columns and rows as `width` and `height` reach into; what is new repeats the last ones.
    fn grown(&self, width: f64, height: f64) -> Cow<'_, Self> {
        // Whole numbers come out of divisions with a trace more.
        let count = |reach: f64, there: u32| there.max((reach - 1e-6).ceil() as u32);
        let (to_width, to_height) = (count(width, self.width), count(height, self.height));
        if (to_width, to_height) == (self.width, self.height) {
            return Cow::Borrowed(self);
        }
        let (from, to) = (self.width as usize, to_width as usize);
        let mut data = Vec::with_capacity(to * to_height as usize);
        for row in self.data.chunks_exact(from) {
            data.extend_from_slice(row);
            data.resize(data.len() + to - from, row[from - 1]);
        }
        let last = data.len() - to;
        for _ in self.height..to_height {
            data.extend_from_within(last..last + to);
        }
        Cow::Owned(Self {
            width: to_width,
            height: to_height,
            extent: self.extent,
            data,
        })
    }

    /// The plane at another size, of which the picture takes `extent`.
    fn scaled(&self, size: Size, extent: (f64, f64), filter: FilterType) -> Result<Self, ImagingError> {
        // What the samples stand for, which is a little more than the picture where the last one is half outside.
        let width = self.extent.0 * f64::from(size.0) / extent.0;
        let height = self.extent.1 * f64::from(size.1) / extent.1;
        let is_whole = size == (self.width, self.height)
            && (f64::from(self.width) - width).abs() < 1e-6
            && (f64::from(self.height) - height).abs() < 1e-6;
        let data = if is_whole {
            self.data.clone()
        } else {
            let whole = self.grown(width, height);
            let source = ImageRef::new(whole.width, whole.height, &whole.data, PixelType::U8)
                .map_err(ImagingError::corrupt)?;
            let mut target = Image::new(size.0, size.1, PixelType::U8);
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(filter))
                .crop(
                    0.0,
                    0.0,
                    width.min(f64::from(whole.width)),
                    height.min(f64::from(whole.height)),
                );
            Resizer::new()
                .resize(&source, &mut target, &options)
                .map_err(ImagingError::corrupt)?;
            target.into_vec()
        };
        Ok(Self {
            width: size.0,
            height: size.1,
            extent,
            data,
        })
    }
}

/// JFIF 1.02, "conversion to and from RGB", in parts of 65,536 and rounded to the nearest.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma) << 16, i32::from(blue) - 128, i32::from(red) - 128);
    let byte = |value: i32| u8::try_from(((value + HALF) >> 16).clamp(0, 255)).unwrap_or(u8::MAX);
    [
        byte(luma + 91_881 * red),
        byte(luma - 22_554 * blue - 46_802 * red),
        byte(luma + 116_130 * blue),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_jfif() {
        assert_eq!(rgb(255, 128, 128), [255, 255, 255]);
        assert_eq!(rgb(0, 128, 128), [0, 0, 0]);
        assert_eq!(rgb(76, 85, 255), [254, 0, 0]);
        assert_eq!(rgb(150, 44, 21), [0, 255, 1]);
        assert_eq!(rgb(29, 255, 107), [0, 0, 254]);
    }

    #[test]
    fn colour_is_halved_and_odd_edges_keep_their_place() {
        let plane = |width: u32, height: u32, value: u8| Plane {
            width,
            height,
            extent: (f64::from(width), f64::from(height)),
            data: vec![value; (width * height) as usize],
        };
        let planes = Planes {
            size: (9, 6),
            planes: [plane(9, 6, 200), plane(9, 6, 90), plane(9, 6, 160)],
        };
        let scaled = planes.scaled((5, 3)).unwrap();
        let sizes = scaled.planes.each_ref().map(|plane| (plane.width, plane.height));
        assert_eq!(sizes, [(5, 3), (3, 2), (3, 2)]);
        assert_eq!(scaled.planes[1].extent, (2.5, 1.5));
        let pixels = scaled.to_pixels().unwrap();
        assert_eq!(pixels.size(), (5, 3));
        assert!(
            pixels
                .data
                .chunks_exact(3)
                .all(|pixel| pixel == rgb(200, 90, 160))
        );
    }
}
