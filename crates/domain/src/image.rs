//! A product's pictures and their variants.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    fault::Rejection,
    ids::{ImageId, ProductId},
    image_error::ImageError,
    image_status::ImageStatus,
    product::IMAGES_MAX,
    words::words,
};

/// The longest text that describes a picture, in characters.
pub const ALT_MAX_CHARACTERS: usize = 500;
/// The longest address that a picture is fetched from, in characters.
pub const SOURCE_URL_MAX_CHARACTERS: usize = 2_048;

words! {
    /// The formats that pictures come and go in.
    ImageFormat {
        /// JPEG (ISO/IEC 10918).
        Jpeg = "jpeg",
        /// PNG (ISO/IEC 15948).
        Png = "png",
        /// WebP (RFC 9649).
        WebP = "webp",
        /// GIF 87a and 89a.
        Gif = "gif",
        /// AVIF 1.1 (Alliance for Open Media); written only.
        Avif = "avif",
    }
}

impl ImageFormat {
    /// The registered media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The usual ending of a file name, without its point.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }
}

/// What a page shows until a picture has loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholder {
    /// A thumbhash in Base64.
    pub thumbhash: String,
    /// The dominant colour as `#rrggbb`.
    pub color: String,
}

/// One stored rendition of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The name from the settings, such as `thumbnail`.
    pub name: String,
    /// Its format.
    pub format: ImageFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the stored object.
    pub bytes: u64,
    /// Where it lies in the bucket.
    pub key: String,
}

/// A picture that a caller names when creating a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Its identifier.
    pub id: ImageId,
    /// Where it is fetched from.
    pub source_url: String,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
}

/// What the owner of a picture decides after it was added, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDraft {
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
    /// Its place among the product's pictures, from 0; beyond the last stands for the last.
    pub position: i32,
}

/// A picture of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its identifier.
    pub id: ImageId,
    /// The product that shows it.
    pub product_id: ProductId,
    /// Its place among the product's pictures, from 0.
    pub position: i32,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
    /// Where it was fetched from; none for an upload.
    pub source_url: Option<String>,
    /// How far it has come.
    pub status: ImageStatus,
    /// The generation that is shown or, before it is ready, asked for; a result of an earlier one changes nothing.
    pub generation: i32,
    /// How often a worker has begun this generation.
    pub attempts: i32,
    /// Pixels of the original, upright.
    pub width: Option<i32>,
    /// Pixels of the original, upright.
    pub height: Option<i32>,
    /// Format of the original.
    pub format: Option<ImageFormat>,
    /// Size of the original.
    pub bytes: Option<i64>,
    /// True where the original has further frames; the first is what the variants show.
    pub animated: bool,
    /// What a page shows until the picture has loaded.
    pub placeholder: Option<Placeholder>,
    /// Its renditions; empty until it is ready.
    pub variants: Vec<Variant>,
    /// Why it failed.
    pub error: Option<ImageError>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Checks the address that a picture is to be fetched from. Whether the host may be reached is judged on
/// connecting, not here: names change what they point to.
///
/// # Errors
/// `too_long`, `invalid_url` or `unsupported_scheme`.
pub fn parse_source_url(text: &str) -> Result<String, Rejection> {
    if text.chars().count() > SOURCE_URL_MAX_CHARACTERS {
        let detail = format!("is too long; give at most {SOURCE_URL_MAX_CHARACTERS} characters");
        return Err(Rejection::new("too_long", detail));
    }
    // The parser mends all of these silently; what is stored would then not be what is fetched.
    if text
        .contains(|character: char| character.is_whitespace() || character.is_control() || character == '\\')
    {
        return Err(Rejection::new(
            "invalid_url",
            "must not hold blanks, control characters or backslashes",
        ));
    }
    let url = Url::parse(text).map_err(|_| {
        Rejection::new(
            "invalid_url",
            "is not an absolute URL; give one such as https://example.com/a.jpg",
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Rejection::new(
            "unsupported_scheme",
            "must begin with http:// or https://",
        ));
    }
    if text
        .get(url.scheme().len()..)
        .is_none_or(|rest| !rest.starts_with("://") || rest.starts_with(":///"))
    {
        return Err(Rejection::new(
            "invalid_url",
            "must have exactly two slashes between its scheme and its host",
        ));
    }
    if url.port() == Some(0) {
        return Err(Rejection::new(
            "invalid_url",
            "names port 0, where nobody can listen",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Rejection::new(
            "invalid_url",
            "must not carry a user name or password",
        ));
    }
    Ok(text.to_owned())
}

/// Checks the text that describes a picture.
///
/// # Errors
/// `too_long` or `control_character`.
pub fn parse_alt(text: &str) -> Result<String, Rejection> {
    let text = text.trim();
    if text.chars().count() > ALT_MAX_CHARACTERS {
        return Err(Rejection::new(
            "too_long",
            format!("is too long; give at most {ALT_MAX_CHARACTERS} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Rejection::new(
            "control_character",
            "holds a control character; give plain text",
        ));
    }
    Ok(text.to_owned())
}

/// Checks a place among the pictures of a product.
///
/// # Errors
/// `out_of_range`.
pub fn parse_position(number: i64) -> Result<i32, Rejection> {
    i32::try_from(number)
        .ok()
        .filter(|place| usize::try_from(*place).is_ok_and(|place| place < IMAGES_MAX))
        .ok_or_else(|| {
            let detail = format!("is out of range; give 0 to {}", IMAGES_MAX - 1);
            Rejection::new("out_of_range", detail)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_sources() {
        let code = |text: &str| parse_source_url(text).map_err(|rejection| rejection.code);
        assert!(code("https://example.com/a.jpg?size=full#top").is_ok());
        assert_eq!(code("ftp://example.com/a.jpg"), Err("unsupported_scheme"));
        assert_eq!(code("file:///etc/passwd"), Err("unsupported_scheme"));
        assert_eq!(code("/a.jpg"), Err("invalid_url"));
        assert_eq!(code("https://"), Err("invalid_url"));
        for mended in [
            "http:example.com",
            "http:///example.com",
            "http:\\\\example.com",
            " http://example.com",
            "http://example.com/\n",
        ] {
            assert_eq!(code(mended), Err("invalid_url"), "{mended:?}");
        }
        assert_eq!(code("http://example.com:0/"), Err("invalid_url"));
        assert!(code("HTTPS://example.com/").is_ok());
        assert_eq!(code("https://user:secret@example.com/"), Err("invalid_url"));
        assert_eq!(
            code(&format!("https://example.com/{}", "a".repeat(2_048))),
            Err("too_long")
        );
    }
}
