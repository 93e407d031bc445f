//! Why a picture cannot be rendered.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use domain::{ImageErrorCode, ImageFormat};

/// Why a picture cannot be rendered, in words for the owner of the product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    /// The content is no picture of a known format.
    #[error("is not a JPEG, PNG, WebP or GIF picture, whatever its name says; give one of these")]
    UnsupportedFormat,
    /// More pixels than are accepted.
    #[error("has {width} × {height} pixels; at most {most} pixels are accepted")]
    TooManyPixels {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The limit.
        most: u64,
    },
    /// Few enough pixels, but more memory than is accepted, as with 16 bits a channel.
    #[error("takes {bytes} bytes once it is decoded; at most {most} are accepted")]
    TooManyDecodedBytes {
        /// What decoding would take.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// Damaged, or cut short. What its decoder says is for the operator, as the source of this error.
    #[error("is damaged or incomplete; give the whole file")]
    Corrupt(#[source] DecoderSays),
    /// Few enough pixels, but its decoder found no memory for them.
    #[error(
        "takes more memory to decode than there is for one picture; save it anew, without progressive scans"
    )]
    OutOfMemory,
    /// A variant cannot be written, which is no fault of the picture.
    #[error("cannot be written as {format}: {reason}")]
    Encode {
        /// The format of the variant.
        format: &'static str,
        /// What the encoder says.
        reason: String,
    },
}

/// A decoder's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecoderSays(String);

impl ImagingError {
    /// The stable word for it.
    pub const fn code(&self) -> ImageErrorCode {
        match self {
            Self::UnsupportedFormat => ImageErrorCode::UnsupportedFormat,
            Self::TooManyPixels { .. } | Self::TooManyDecodedBytes { .. } => ImageErrorCode::TooManyPixels,
            Self::Corrupt(_) => ImageErrorCode::CorruptImage,
            Self::OutOfMemory | Self::Encode { .. } => ImageErrorCode::ProcessingCrashed,
        }
    }

    pub(crate) fn corrupt(reason: impl std::fmt::Display) -> Self {
        Self::Corrupt(DecoderSays(reason.to_string()))
    }
}

/// What a decoder unwinds with that is not the picture's fault: it finds no memory.
pub(crate) struct NoMemory;

/// Runs what reads a picture. Where it panics it has met a damaged one; libjpeg's errors arrive in this way, too.
pub(crate) fn shielded<T>(work: impl FnOnce() -> Result<T, ImagingError>) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(if panic.is::<NoMemory>() {
            ImagingError::OutOfMemory
        } else {
            ImagingError::corrupt(words(&*panic))
        })
    })
}

/// Runs an encoder, whose panics are no fault of the picture.
pub(crate) fn encoding<T>(
    format: ImageFormat,
    work: impl FnOnce() -> Result<T, ImagingError>,
) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(ImagingError::Encode {
            format: format.as_str(),
            reason: words(&*panic).to_owned(),
        })
    })
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it gave up without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_over_reading_is_the_pictures_fault() {
        let read = shielded::<()>(|| std::panic::resume_unwind(Box::new("a bad code".to_owned())));
        assert_eq!(read.unwrap_err().code(), ImageErrorCode::CorruptImage);
        let full = shielded::<()>(|| std::panic::resume_unwind(Box::new(NoMemory)));
        assert_eq!(full.unwrap_err().code(), ImageErrorCode::ProcessingCrashed);
        let written = encoding::<()>(ImageFormat::Jpeg, || {
            std::panic::resume_unwind(Box::new("a bad table"))
        });
        let written = written.unwrap_err();
        assert_eq!(written.code(), ImageErrorCode::ProcessingCrashed);
        assert_eq!(written.to_string(), "cannot be written as jpeg: a bad table");
    }
}
