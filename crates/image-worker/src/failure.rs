//! Why a picture could not be made.

use std::{error::Error, fmt};

use domain::{ImageError, ImageErrorCode};
use runtime::Causes;

/// What stopped a job: words for the owner of the product, and a cause for the operator.
#[derive(Debug)]
pub struct Failure {
    /// The contract's reason.
    pub code: ImageErrorCode,
    /// What was wrong and what would be right; it names nothing that the owner did not name first.
    pub detail: String,
    /// True where the same job may succeed later.
    pub is_passing: bool,
    /// What the library below said; for the log alone.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that another attempt would meet again.
    pub fn lasting(code: ImageErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            is_passing: false,
            cause: None,
        }
    }

    /// A failure that may have gone by the next attempt.
    pub fn passing(code: ImageErrorCode, detail: impl Into<String>) -> Self {
        Self {
            is_passing: true,
            ..Self::lasting(code, detail)
        }
    }

    /// The same failure with what brought it about.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// Reads what `Display` wrote: a failure comes back from the retry ladder as the reason of the last attempt.
    pub fn of_reason(reason: &str) -> Option<Self> {
        let (code, detail) = reason.split_once(": ")?;
        Some(Self::passing(code.parse().ok()?, detail))
    }

    /// What the owner of the product is told.
    pub fn to_image_error(&self) -> ImageError {
        ImageError {
            code: self.code,
            detail: self.detail.clone(),
        }
    }

    /// One line for the log: the detail, and every cause beneath it.
    pub fn explain(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {}", self.detail, Causes(cause.as_ref())),
            None => self.detail.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.detail)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_more_than_the_owner() {
        let failure = Failure::passing(ImageErrorCode::DownloadFailed, "the source did not answer")
            .caused_by("connection to 10.0.0.7 refused");
        assert_eq!(failure.to_image_error().detail, "the source did not answer");
        assert_eq!(
            failure.explain(),
            "the source did not answer: connection to 10.0.0.7 refused"
        );
        assert!(failure.is_passing);
    }

    #[test]
    fn a_failure_survives_as_a_reason() {
        let failure = Failure::passing(
            ImageErrorCode::DownloadTimeout,
            "the source sent nothing: for 10 s",
        );
        let read = Failure::of_reason(&failure.to_string()).unwrap();
        assert_eq!(read.to_image_error(), failure.to_image_error());
        assert!(Failure::of_reason("the handler panicked: why").is_none());
        assert!(Failure::of_reason("").is_none());
    }
}
