//! Pictures as pixels, and how far one is from another.

use std::io::Cursor;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{
    ExtendedColorType, ImageDecoder as _, ImageEncoder as _, codecs::jpeg::JpegDecoder,
    codecs::png::PngEncoder, metadata::Orientation,
};
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

use super::Fault;

/// Red, green and blue, eight bits each, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Three bytes for each pixel.
    pub data: Vec<u8>,
}

impl Picture {
    /// Decodes a JPEG with libjpeg-turbo's decoder, as browsers do, and any other format with the `image` crate.
    ///
    /// # Errors
    /// The file cannot be decoded.
    pub fn decode(file: &[u8]) -> Result<Self, Fault> {
        if file.starts_with(&[0xff, 0xd8]) {
            let mut jpeg = mozjpeg::Decompress::new_mem(file)?.rgb()?;
            let (width, height) = (u32::try_from(jpeg.width())?, u32::try_from(jpeg.height())?);
            let data: Vec<u8> = jpeg.read_scanlines()?;
            jpeg.finish()?;
            return Ok(Self { width, height, data });
        }
        let pixels = image::load_from_memory(file)?.into_rgb8();
        Ok(Self {
            width: pixels.width(),
            height: pixels.height(),
            data: pixels.into_raw(),
        })
    }

    /// Scaled in one step from all its pixels, by Lanczos with three lobes: what every renderer tries to come near to.
    ///
    /// # Errors
    /// The size is none.
    pub fn scaled(&self, width: u32, height: u32) -> Result<Self, Fault> {
        let source = ImageRef::new(self.width, self.height, &self.data, PixelType::U8x3)?;
        let mut target = Image::new(width, height, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        Resizer::new().resize(&source, &mut target, &options)?;
        Ok(Self {
            width,
            height,
            data: target.into_vec(),
        })
    }

    /// As a PNG, which loses nothing.
    ///
    /// # Errors
    /// None that could be told of beforehand.
    pub fn to_png(&self) -> Result<Vec<u8>, Fault> {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(
            &self.data,
            self.width,
            self.height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(file)
    }

    /// SSIMULACRA2 of `other`, taking this for the original: 100 is the same, 90 is not to be told from it, 70 is high
    /// quality, 50 medium.
    ///
    /// # Errors
    /// The sizes differ, or an edge is shorter than eight pixels.
    pub fn score(&self, other: &Self) -> Result<f64, Fault> {
        Ok(compute_frame_ssimulacra2(self.to_frame()?, other.to_frame()?)?)
    }

    fn to_frame(&self) -> Result<Rgb, Fault> {
        let pixels = self.data.as_chunks::<3>().0;
        let pixels = pixels
            .iter()
            .map(|pixel| pixel.map(|value| f32::from(value) / 255.0));
        Rgb::new(
            pixels.collect(),
            self.width as usize,
            self.height as usize,
            TransferCharacteristic::SRGB,
            ColorPrimaries::BT709,
        )
        .map_err(|error| format!("{error:?}").into())
    }
}

/// Makes sure that a photograph needs neither turning nor a colour profile, so that its reference needs neither.
///
/// # Errors
/// It is no JPEG, or needs one of both.
pub fn check_plain(file: &[u8]) -> Result<(), Fault> {
    let mut decoder = JpegDecoder::new(Cursor::new(file))?;
    if decoder.orientation()? != Orientation::NoTransforms {
        return Err("it is stored turned".into());
    }
    match decoder.icc_profile()? {
        Some(_) => Err("it has a colour profile".into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use domain::ImageFormat;
    use imaging::RenderProfile;
    use testkit::pictures;

    use super::*;
    use crate::bench_images::job::{Job, variant};

    fn photograph() -> Picture {
        Picture::decode(&std::fs::read(pictures::photograph_small()).unwrap()).unwrap()
    }

    fn as_jpeg(picture: &Picture, quality: u8) -> Picture {
        let profile = RenderProfile {
            variants: vec![variant(picture.width.max(picture.height), &[ImageFormat::Jpeg])],
            ..Job::profile([quality, 0, 0])
        };
        let rendered = imaging::render(&picture.to_png().unwrap(), &profile).unwrap();
        Picture::decode(&rendered.variants[0].bytes).unwrap()
    }

    #[test]
    fn what_is_lost_shows_in_the_score() {
        let original = photograph().scaled(300, 200).unwrap();
        assert_eq!(original.score(&original).unwrap(), 100.0);
        let scores = [95, 80, 30].map(|quality| original.score(&as_jpeg(&original, quality)).unwrap());
        assert!(100.0 > scores[0] && scores[0] > scores[1], "{scores:?}");
        assert!(scores[1] > scores[2] + 10.0, "{scores:?}");
    }

    #[test]
    fn png_loses_nothing() {
        let original = photograph().scaled(64, 40).unwrap();
        assert_eq!(Picture::decode(&original.to_png().unwrap()).unwrap(), original);
    }

    #[test]
    fn a_photograph_that_is_stored_turned_is_refused() {
        let file = std::fs::read(pictures::photograph_rotated()).unwrap();
        assert_eq!(check_plain(&file).unwrap_err().to_string(), "it is stored turned");
        check_plain(&std::fs::read(pictures::photograph_small()).unwrap()).unwrap();
    }
}
