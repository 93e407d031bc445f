//! `images`: what the image workers accept and make.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::fault::Complaint;
use super::parse;
use super::section::Section;
use super::variants::{Format, Variant};

/// Of every format.
pub(super) const QUALITY: RangeInclusive<u8> = 1..=100;
/// Of WebP: from fast to small.
pub(super) const METHOD: RangeInclusive<u8> = 0..=6;
/// Of AVIF: from small to fast.
pub(super) const SPEED: RangeInclusive<u8> = 1..=10;

/// What the image workers accept and make.
#[derive(Clone, Debug)]
pub struct Images {
    /// Of one picture, as downloaded.
    pub max_bytes: u64,
    /// Of one picture, as uploaded.
    pub max_upload_bytes: u64,
    /// For an upload to arrive.
    pub upload_timeout: Duration,
    /// Uploads at a time in one api process; more are refused.
    pub max_uploads: usize,
    /// Width × height, to be judged before decoding.
    pub max_pixels: u64,
    /// Networks that are not public and that sources may lie in all the same.
    pub allowed_networks: Vec<IpNet>,
    /// Ports that sources may be fetched from; every one where there are none.
    pub allowed_ports: Vec<u16>,
    /// To connect to a source.
    pub connect_timeout: Duration,
    /// The longest silence within a download.
    pub idle_timeout: Duration,
    /// For a whole download with its redirects.
    pub total_timeout: Duration,
    /// Redirects followed in one download.
    pub max_redirects: usize,
    /// Downloads at a time of one worker from one host and port.
    pub per_host_downloads: usize,
    /// Whether the files that pictures are made from are kept, for themselves alone.
    pub keep_originals: bool,
    /// To decode, resize and encode one picture.
    pub render_timeout: Duration,
    /// How often the api looks for what nobody answers for.
    pub reconcile_every: Duration,
    /// A picture without news for so long is sent to the workers again.
    pub stuck_after: Duration,
    /// An object older than this that no picture needs is deleted.
    pub orphan_age: Duration,
    /// Shows through where a format knows no transparency.
    pub background: Colour,
    /// What is made of each picture; names are unique.
    pub variants: Vec<Variant>,
    /// How each format is made.
    pub formats: Formats,
}

/// How each format is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats {
    /// JPEG.
    pub jpeg: Jpeg,
    /// Lossy WebP.
    pub webp: Webp,
    /// AVIF.
    pub avif: Avif,
}

/// How JPEG is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    /// Whether it is made of variants that name no formats of their own.
    pub enabled: bool,
    /// From 1 to 100.
    pub quality: u8,
}

/// How lossy WebP is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webp {
    /// Whether it is made of variants that name no formats of their own.
    pub enabled: bool,
    /// From 1 to 100.
    pub quality: u8,
    /// From 0 (fast) to 6 (small).
    pub method: u8,
}

/// How AVIF is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avif {
    /// Whether it is made of variants that name no formats of their own.
    pub enabled: bool,
    /// From 1 to 100.
    pub quality: u8,
    /// From 1 (small) to 10 (fast).
    pub speed: u8,
}

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

impl Images {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (tenth, second, minute) = (
            Duration::from_millis(100),
            Duration::from_secs(1),
            Duration::from_secs(60),
        );
        Self {
            max_bytes: section.bytes("max_bytes", 1 << 10..=1 << 30),
            max_upload_bytes: section.bytes("max_upload_bytes", 1 << 10..=1 << 30),
            upload_timeout: section.duration("upload_timeout", second..=60 * minute),
            max_uploads: section.number("max_uploads", "a number of uploads", 1..=1_000),
            max_pixels: section.number("max_pixels", "a number of pixels", 1..=1_000_000_000),
            allowed_networks: section.list("allowed_networks", 0..=64, network),
            allowed_ports: section.list("allowed_ports", 0..=64, parse::port),
            connect_timeout: section.duration("connect_timeout", tenth..=minute),
            idle_timeout: section.duration("idle_timeout", tenth..=5 * minute),
            total_timeout: section.duration("total_timeout", second..=60 * minute),
            max_redirects: section.number("max_redirects", "a number", 0..=20),
            per_host_downloads: section.number("per_host_downloads", "a number", 1..=256),
            keep_originals: section.flag("keep_originals"),
            render_timeout: section.duration("render_timeout", second..=10 * minute),
            reconcile_every: section.duration("reconcile_every", second..=60 * minute),
            stuck_after: section.duration("stuck_after", 10 * second..=48 * 60 * minute),
            orphan_age: section.duration("orphan_age", Duration::ZERO..=7 * 24 * 60 * minute),
            background: section.parsed("background", colour),
            variants: section.entries("variants", 1..=16, Variant::read),
            formats: Formats::read(section.section("formats")),
        }
    }
}

impl Images {
    /// The longest file that a picture is made from, however it came.
    #[must_use]
    pub fn max_source_bytes(&self) -> u64 {
        self.max_bytes.max(self.max_upload_bytes)
    }
}

impl Formats {
    fn read(mut section: Section<'_>) -> Self {
        let mut jpeg = section.section("jpeg");
        let jpeg = Jpeg {
            enabled: jpeg.flag("enabled"),
            quality: jpeg.number("quality", "a number", QUALITY),
        };
        let mut webp = section.section("webp");
        let webp = Webp {
            enabled: webp.flag("enabled"),
            quality: webp.number("quality", "a number", QUALITY),
            method: webp.number("method", "a number", METHOD),
        };
        let mut avif = section.section("avif");
        let avif = Avif {
            enabled: avif.flag("enabled"),
            quality: avif.number("quality", "a number", QUALITY),
            speed: avif.number("speed", "a number", SPEED),
        };
        Self { jpeg, webp, avif }
    }

    /// What a variant is made in: its own formats, or else those that are enabled.
    pub fn of(&self, variant: &Variant) -> Vec<Format> {
        match variant.formats.as_slice() {
            [] => self.enabled(),
            own => own.to_vec(),
        }
    }

    /// What a variant is made in that names no formats of its own.
    pub fn enabled(&self) -> Vec<Format> {
        let formats = [
            (self.jpeg.enabled, Format::Jpeg),
            (self.webp.enabled, Format::Webp),
            (self.avif.enabled, Format::Avif),
        ];
        formats
            .into_iter()
            .filter_map(|(enabled, format)| enabled.then_some(format))
            .collect()
    }
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, Complaint> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or(address)
        .map_err(|_| {
            Complaint::new(
                "is not a network",
                "give an address with the length of its prefix, such as 10.0.0.0/8 or ::1/128",
            )
        })
}

fn colour(text: &str) -> Result<Colour, Complaint> {
    let wrong = || Complaint::new("is not a colour", "give one such as \"#ffffff\", in quotes");
    let is_hexadecimal =
        |digits: &&str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let digits = text.strip_prefix('#').filter(is_hexadecimal).ok_or_else(wrong)?;
    let part = |range: std::ops::Range<usize>| {
        digits
            .get(range)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(wrong)
    };
    Ok(Colour {
        red: part(0..2)?,
        green: part(2..4)?,
        blue: part(4..6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        assert_eq!(
            colour("#00fF80").ok(),
            Some(Colour {
                red: 0,
                green: 255,
                blue: 128
            })
        );
        for bad in ["ffffff", "#fff", "#gggggg", "#+1+1+1", "white", ""] {
            assert!(colour(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_single_address_is_a_network_of_one() {
        assert_eq!(
            network("10.1.2.3")
                .ok()
                .map(|network| network.to_string())
                .as_deref(),
            Some("10.1.2.3/32")
        );
        assert_eq!(
            network("10.1.2.3/8")
                .ok()
                .map(|network| network.to_string())
                .as_deref(),
            Some("10.0.0.0/8")
        );
        assert!(network("example.com").is_err());
    }
}
