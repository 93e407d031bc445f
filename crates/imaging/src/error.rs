//! Why a picture cannot be rendered.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use domain::ImageErrorCode;

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
            Self::Encode { .. } => ImageErrorCode::ProcessingCrashed,
        }
    }

    pub(crate) fn corrupt(reason: impl std::fmt::Display) -> Self {
        Self::Corrupt(DecoderSays(reason.to_string()))
    }
}

/// Runs a decoder. One that panics has met a damaged picture; libjpeg's errors arrive in this way, too.
pub(crate) fn shielded<T>(work: impl FnOnce() -> Result<T, ImagingError>) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(ImagingError::corrupt(words(&*panic))))
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("its decoder gave up")
}
