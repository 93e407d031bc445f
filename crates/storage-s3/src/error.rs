//! What can go wrong with an object, by what a caller can do about it.

use s3::{creds::error::CredentialsError, error::S3Error};

/// Longest part of a service's own words that is kept, in bytes.
const MESSAGE_MAX: usize = 300;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may well work later: unreachable, too slow, overloaded, failing.
    #[error("the object store is unavailable: {reason}")]
    Unavailable {
        /// What was seen, with its causes.
        reason: String,
    },
    /// There is no such object.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The key asked for.
        key: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}`")]
    NoSuchBucket {
        /// The bucket's name.
        bucket: String,
    },
    /// The credentials are wrong, or lack a permission.
    #[error("the object store denies access: {reason}")]
    AccessDenied {
        /// What the service said.
        reason: String,
    },
    /// The object is larger than the caller takes.
    #[error("the object `{key}` is larger than {limit} bytes")]
    TooLarge {
        /// The key asked for.
        key: String,
        /// Bytes.
        limit: u64,
    },
    /// The settings cannot work as they are.
    #[error("{reason}")]
    Config {
        /// What is wrong, and the cure.
        reason: String,
    },
    /// Anything else; trying again would not help.
    #[error("the object store refused the request: {reason}")]
    Other {
        /// What was seen, with its causes.
        reason: String,
    },
}

impl Error {
    /// True where the same call may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
        }
    }

    /// Reads an error of the library; `bucket` and `key` are what was asked for.
    pub(crate) fn from_library(error: &S3Error, bucket: &str, key: &str) -> Self {
        match error {
            S3Error::HttpFailWithBody(status, body) => Self::from_answer(*status, body, bucket, key),
            S3Error::Credentials(CredentialsError::NoRefreshSource) => Self::AccessDenied {
                reason: "the credentials have expired".to_owned(),
            },
            S3Error::Credentials(error) => {
                Self::unavailable(format!("credentials cannot be renewed: {}", chain(error)))
            }
            S3Error::Reqwest(error) if error.is_builder() => Self::Other { reason: chain(error) },
            S3Error::Reqwest(error) => Self::unavailable(chain(error)),
            S3Error::Io(error) => Self::unavailable(chain(error)),
            other => Self::Other { reason: chain(other) },
        }
    }

    pub(crate) fn from_answer(status: u16, body: &str, bucket: &str, key: &str) -> Self {
        let code = element(body, "Code").unwrap_or_default();
        let message = element(body, "Message").unwrap_or_default();
        let reason = format!("{status} {code} {}", shorten(message))
            .trim_end()
            .to_owned();
        match (status, code) {
            (_, "NoSuchBucket") => Self::NoSuchBucket {
                bucket: bucket.to_owned(),
            },
            (404, _) => Self::NotFound { key: key.to_owned() },
            // These are about the moment, whatever their status says.
            (_, "ExpiredToken" | "RequestTimeout" | "SlowDown" | "OperationAborted") => {
                Self::Unavailable { reason }
            }
            (401 | 403, _) => Self::AccessDenied { reason },
            (408 | 429 | 500 | 502..=599, _) => Self::Unavailable { reason },
            _ => Self::Other { reason },
        }
    }

    /// Reads what a multiple delete says of one object.
    pub(crate) fn from_code(code: &str, message: &str) -> Self {
        let reason = format!("{code} {}", shorten(message)).trim_end().to_owned();
        match code {
            "AccessDenied" => Self::AccessDenied { reason },
            "InternalError" | "SlowDown" | "ServiceUnavailable" | "OperationAborted" => {
                Self::Unavailable { reason }
            }
            _ => Self::Other { reason },
        }
    }
}

/// The text of the first element `name`; answers are too small and too uneven for more.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_MAX)]
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Error {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>why</Message></Error>");
        Error::from_library(&S3Error::HttpFailWithBody(status, body), "shop", "a/b")
    }

    #[test]
    fn only_what_time_can_heal_is_transient() {
        for (status, code) in [
            (500, "InternalError"),
            (503, "SlowDown"),
            (429, "TooManyRequests"),
            (400, "RequestTimeout"),
            (400, "ExpiredToken"),
        ] {
            assert!(answer(status, code).is_transient(), "{status} {code}");
        }
        for (status, code) in [
            (400, "InvalidArgument"),
            (403, "SignatureDoesNotMatch"),
            (404, "NoSuchKey"),
            (404, "NoSuchBucket"),
            (301, "PermanentRedirect"),
            (501, "NotImplemented"),
        ] {
            assert!(!answer(status, code).is_transient(), "{status} {code}");
        }
    }

    #[test]
    fn a_missing_object_is_told_from_a_missing_bucket() {
        assert!(matches!(answer(404, "NoSuchKey"), Error::NotFound { key } if key == "a/b"));
        assert!(matches!(answer(404, "NoSuchBucket"), Error::NoSuchBucket { bucket } if bucket == "shop"));
    }

    #[test]
    fn the_reason_holds_the_services_own_words() {
        assert_eq!(
            answer(403, "AccessDenied").to_string(),
            "the object store denies access: 403 AccessDenied why"
        );
    }
}
