//! From pixels to bytes.

mod avif;
mod jpeg;
mod webp;

use domain::ImageFormat;

use crate::{
    error::{ImagingError, encoding},
    picture::Picture,
    profile::{AvifProfile, JpegProfile, RenderProfile, VariantTuning, WebpProfile},
};

/// A format, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Jpeg(JpegProfile),
    Webp(WebpProfile),
    Avif(AvifProfile),
}

impl Encoding {
    /// How a variant with `own` ways is written in a format.
    pub(crate) fn of(
        format: ImageFormat,
        profile: &RenderProfile,
        own: VariantTuning,
    ) -> Result<Self, ImagingError> {
        match format {
            ImageFormat::Jpeg => Ok(Self::Jpeg(own.jpeg.unwrap_or(profile.jpeg))),
            ImageFormat::WebP => Ok(Self::Webp(own.webp.unwrap_or(profile.webp))),
            ImageFormat::Avif => Ok(Self::Avif(own.avif.unwrap_or(profile.avif))),
            ImageFormat::Png | ImageFormat::Gif => Err(ImagingError::Encode {
                format: format.as_str(),
                reason: "variants are not written in this format".to_owned(),
            }),
        }
    }

    const fn format(self) -> ImageFormat {
        match self {
            Self::Jpeg(_) => ImageFormat::Jpeg,
            Self::Webp(_) => ImageFormat::WebP,
            Self::Avif(_) => ImageFormat::Avif,
        }
    }
}

/// Writes a picture. Transparency is kept where the format knows it, and shows `background` elsewhere.
pub(crate) fn encode(
    picture: &Picture,
    wanted: Encoding,
    background: [u8; 3],
) -> Result<Vec<u8>, ImagingError> {
    encoding(wanted.format(), || match wanted {
        Encoding::Jpeg(profile) => match picture {
            Picture::Pixels(pixels) => jpeg::encode(&pixels.flattened(background), profile),
            Picture::Planes(planes) => jpeg::encode_planes(planes, profile),
        },
        Encoding::Webp(profile) => webp::encode(picture, profile),
        Encoding::Avif(profile) => avif::encode(&*picture.pixels()?, profile),
    })
}
