//! Why pictures fail.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{fault::Rejection, words::words};

words! {
    /// Why a picture failed.
    ImageErrorCode {
        /// The address, or one it redirects to, is not a public one, or at a port that is closed.
        BlockedAddress = "blocked_address",
        /// The source could not be fetched.
        DownloadFailed = "download_failed",
        /// The source was too slow.
        DownloadTimeout = "download_timeout",
        /// The file has too many bytes.
        TooLarge = "too_large",
        /// The picture has too many pixels.
        TooManyPixels = "too_many_pixels",
        /// The content is no picture of a format that is read here.
        UnsupportedFormat = "unsupported_format",
        /// The file is damaged or cut short.
        CorruptImage = "corrupt_image",
        /// Rendering took too long.
        ProcessingTimeout = "processing_timeout",
        /// Rendering ended its process, more than once.
        ProcessingCrashed = "processing_crashed",
        /// The variants could not be stored.
        StorageUnavailable = "storage_unavailable",
    }
}

impl ImageErrorCode {
    /// True where the same source may well succeed later; what the file itself is to blame for never does.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::DownloadFailed
            | Self::DownloadTimeout
            | Self::ProcessingTimeout
            | Self::ProcessingCrashed
            | Self::StorageUnavailable => true,
            Self::BlockedAddress
            | Self::TooLarge
            | Self::TooManyPixels
            | Self::UnsupportedFormat
            | Self::CorruptImage => false,
        }
    }
}

/// Why a picture failed, with words for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageError {
    /// The stable reason.
    pub code: ImageErrorCode,
    /// What happened, for the owner of the product; it never names what is inside this system.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for code in ImageErrorCode::ALL {
            assert_eq!(code.as_str().parse::<ImageErrorCode>().as_ref(), Ok(code));
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }
}
