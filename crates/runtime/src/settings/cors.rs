//! `server.cors`: which web pages may call from a browser.

use std::time::Duration;

use url::Url;

use super::fault::Complaint;
use super::section::Section;

/// Which web pages may call from a browser.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Origins as browsers write them, or `*` alone for all; none where no page of another origin may call.
    pub allowed_origins: Vec<String>,
    /// How long a browser may remember what it was allowed.
    pub max_age: Duration,
}

impl Cors {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        Self {
            allowed_origins: section.list("allowed_origins", 0..=64, origin),
            max_age: section.duration("max_age", Duration::ZERO..=Duration::from_hours(24)),
        }
    }
}

/// Scheme, host and port, written exactly as browsers do: what is compared is the text.
fn origin(text: &str) -> Result<String, Complaint> {
    const CURE: &str =
        "give one such as https://shop.example.com, with its port where that is not the usual one";
    if text == "*" {
        return Ok(text.to_owned());
    }
    if text.contains('*') {
        return Err(Complaint::new("is a pattern, and none are known here", CURE));
    }
    let url = Url::parse(text).map_err(|error| Complaint::new(format!("is not an origin: {error}"), CURE))?;
    let written = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Complaint::new("is not an origin of http or https", CURE));
    }
    if written != text {
        return Err(Complaint::new(
            "is not as browsers write it",
            format!("give {written}"),
        ));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for good in [
            "*",
            "https://shop.example.com",
            "http://localhost:3000",
            "https://[::1]:8443",
        ] {
            assert_eq!(origin(good).ok().as_deref(), Some(good));
        }
        for bad in [
            "https://shop.example.com/",
            "https://Shop.example.com",
            "https://shop.example.com:443",
            "shop.example.com",
            "https://*.example.com",
            "null",
            "file:///tmp",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
