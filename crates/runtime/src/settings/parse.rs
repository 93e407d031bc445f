//! From text to the kinds of value that settings have.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

use super::fault::Complaint;

/// A whole number within bounds.
pub(super) fn number<N>(text: &str, what: &str, bounds: &RangeInclusive<N>) -> Result<N, Complaint>
where
    N: FromStr + PartialOrd + Display,
{
    let cure = format!("give {what} from {} to {}", bounds.start(), bounds.end());
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Complaint::new("is not a whole number", cure));
    }
    match text.parse::<N>() {
        Ok(number) if bounds.contains(&number) => Ok(number),
        _ => Err(Complaint::new("is out of bounds", cure)),
    }
}

/// A length of time, such as `1m 30s`.
pub(super) fn duration(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, Complaint> {
    let format = humantime::format_duration;
    let cure = || {
        format!(
            "give a duration such as 500ms, 10s or 5m, from {} to {}",
            format(*bounds.start()),
            format(*bounds.end())
        )
    };
    let duration =
        humantime::parse_duration(text.trim()).map_err(|_| Complaint::new("is not a duration", cure()))?;
    if bounds.contains(&duration) {
        Ok(duration)
    } else {
        Err(Complaint::new("is out of bounds", cure()))
    }
}

/// A size, such as `20MiB`.
pub(super) fn bytes(text: &str, bounds: &RangeInclusive<u64>) -> Result<u64, Complaint> {
    let cure = || {
        format!(
            "give a size such as 512KiB or 20MiB, from {} to {}",
            short_size(*bounds.start()),
            short_size(*bounds.end())
        )
    };
    let size = text
        .trim()
        .parse::<ByteSize>()
        .map_err(|_| Complaint::new("is not a size", cure()))?
        .as_u64();
    if bounds.contains(&size) {
        Ok(size)
    } else {
        Err(Complaint::new("is out of bounds", cure()))
    }
}

fn short_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS
        .iter()
        .find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size));
    fitting.map_or_else(
        || bytes.to_string(),
        |(size, unit)| format!("{}{unit}", bytes / size),
    )
}

/// `true` or `false`, and nothing else that YAML has ever taken for one of them.
pub(super) fn flag(text: &str) -> Result<bool, Complaint> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Complaint::new("is neither true nor false", "give one of them")),
    }
}

/// Text that is not empty and holds no control characters.
pub(super) fn text(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new("is empty", "give a value"));
    }
    if text.chars().any(char::is_control) {
        return Err(Complaint::new("holds control characters", "leave them out"));
    }
    Ok(text.to_owned())
}

/// A port that something can be connected to at.
pub(super) fn port(text: &str) -> Result<u16, Complaint> {
    number(text, "a port", &(1..=u16::MAX))
}

/// A host name or an address, without a scheme or a port.
pub(super) fn host(host: &str) -> Result<String, Complaint> {
    let is_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if is_ipv6 || (!host.is_empty() && host.len() <= 253 && host.bytes().all(is_name)) {
        return Ok(host.to_owned());
    }
    Err(Complaint::new(
        "is not a host",
        "give a name or an address alone, such as db.example.com, 10.0.0.5 or ::1; the port is a setting of its own",
    ))
}

/// Lower case letters, digits and `extra`, 1 to 32 of them.
pub(super) fn slug(text: &str, extra: &str) -> Result<String, Complaint> {
    let fits = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || extra.contains(character)
    };
    if (1..=32).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let extra: Vec<String> = extra.chars().map(String::from).collect();
    let cure = format!("give 1 to 32 lower case letters, digits or {}", extra.join(" "));
    Err(Complaint::new("cannot be used as a name", cure))
}

/// An http or https URL that other URLs can be built on, without its final slash.
pub(super) fn base_url(text: &str) -> Result<String, Complaint> {
    let cure = "give one such as https://s3.example.com, without user, query or fragment";
    let url = Url::parse(text).map_err(|error| Complaint::new(format!("is not a URL: {error}"), cure))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Complaint::new("is not an http or https URL", cure));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(Complaint::new("holds more than a base for other URLs", cure));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// One of a few words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Complaint> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Complaint::new(
                "is not one of the choices",
                format!("give one of {}", words.join(", ")),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_beyond_its_type_is_out_of_bounds_and_not_a_mystery() {
        let problem = |text: &str| {
            number::<u16>(text, "a port", &(1..=65535))
                .err()
                .map(|complaint| complaint.problem)
        };
        assert_eq!(problem("70000").as_deref(), Some("is out of bounds"));
        assert_eq!(problem("-1").as_deref(), Some("is out of bounds"));
        assert_eq!(problem("0").as_deref(), Some("is out of bounds"));
        assert_eq!(problem("five").as_deref(), Some("is not a whole number"));
        assert_eq!(problem("8080.5").as_deref(), Some("is not a whole number"));
        assert_eq!(problem(" 8080 "), None);
    }

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        let read = |text: &str| bytes(text, &(0..=1 << 40)).ok();
        assert_eq!(read("1048576"), Some(1 << 20));
        assert_eq!(read("20MiB"), Some(20 << 20));
        assert_eq!(read("1 MB"), Some(1_000_000));
        assert_eq!(read("many"), None);
    }

    #[test]
    fn a_host_carries_no_scheme_and_no_port() {
        for good in ["localhost", "10.0.0.5", "::1", "db-1.example.com", "my_service"] {
            assert!(host(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost:5432", "http://localhost", "a b", "[::1]"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_url_loses_its_final_slash_and_holds_no_password() {
        assert_eq!(
            base_url("http://127.0.0.1:8333/").ok().as_deref(),
            Some("http://127.0.0.1:8333")
        );
        for bad in ["ftp://a", "http://user:word@a", "https://a?b", "a/b"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
