//! `images.variants`: what is made of each picture.

use super::fault::Complaint;
use super::images::{METHOD, QUALITY, SPEED};
use super::parse;
use super::section::Section;

/// The longest edge that every format can hold (WebP's: RFC 9649, section 2.4), in pixels.
const EDGE_MAX: u32 = 16_383;

/// One rendition that is made of each picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Part of URLs: lower case letters, digits, `_` and `-`.
    pub name: String,
    /// Pixels of the box.
    pub width: u32,
    /// Pixels of the box.
    pub height: u32,
    /// How a picture comes into the box. None is ever enlarged.
    pub fit: Fit,
    /// What it is made in, instead of the formats that are enabled; those where it is empty.
    pub formats: Vec<Format>,
    /// How it is made in JPEG, where it has a way of its own.
    pub jpeg: Option<OwnJpeg>,
    /// How it is made in WebP, where it has a way of its own.
    pub webp: Option<OwnWebp>,
    /// How it is made in AVIF, where it has a way of its own.
    pub avif: Option<OwnAvif>,
}

/// A variant's own way of JPEG. What is none is as in `images.formats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnJpeg {
    /// From 1 to 100.
    pub quality: Option<u8>,
}

/// A variant's own way of WebP. What is none is as in `images.formats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWebp {
    /// From 1 to 100.
    pub quality: Option<u8>,
    /// From 0 (fast) to 6 (small).
    pub method: Option<u8>,
}

/// A variant's own way of AVIF. What is none is as in `images.formats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAvif {
    /// From 1 to 100.
    pub quality: Option<u8>,
    /// From 1 (small) to 10 (fast).
    pub speed: Option<u8>,
}

/// How a picture comes into a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Whole, with its own proportions.
    #[default]
    Contain,
    /// In the proportions of the box, cut at both ends of what is too long.
    Cover,
}

/// What variants are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// Lossy WebP.
    Webp,
    /// AVIF.
    Avif,
}

impl Variant {
    pub(super) fn read(entry: &mut Section<'_>) -> Self {
        let name = entry.parsed("name", |text| parse::slug(text, "_-"));
        let edge = entry.optional("longest_edge", edge);
        let sides = entry.optional("box", sides);
        let fit = entry.optional("fit", fit);
        let mut formats = entry.list("formats", 0..=3, format);
        formats.sort_unstable();
        formats.dedup();
        let jpeg = entry.optional_entry("jpeg", |own| OwnJpeg {
            quality: own.optional_number("quality", QUALITY),
        });
        let webp = entry.optional_entry("webp", |own| OwnWebp {
            quality: own.optional_number("quality", QUALITY),
            method: own.optional_number("method", METHOD),
        });
        let avif = entry.optional_entry("avif", |own| OwnAvif {
            quality: own.optional_number("quality", QUALITY),
            speed: own.optional_number("speed", SPEED),
        });
        let has = (entry.has("longest_edge"), entry.has("box"));
        let neither = Complaint::new(", nor is box", "give one of them, such as longest_edge: 800");
        entry.require(has != (false, false), "longest_edge", &neither);
        let both = Complaint::new("stands beside longest_edge", "give only one of them");
        entry.require(has != (true, true), "box", &both);
        let unboxed = Complaint::new(
            "has no box to fill",
            "give box, such as 400x400, instead of longest_edge",
        );
        entry.require(fit != Some(Fit::Cover) || has != (true, false), "fit", &unboxed);
        let (width, height) = sides.or(edge.map(|edge| (edge, edge))).unwrap_or_default();
        Self {
            name,
            width,
            height,
            fit: fit.unwrap_or_default(),
            formats,
            jpeg,
            webp,
            avif,
        }
    }

    /// The formats that it has a way of its own for, with their names in the settings.
    pub(super) fn own_ways(&self) -> impl Iterator<Item = (Format, &'static str)> {
        let ways = [
            (self.jpeg.is_some(), (Format::Jpeg, "jpeg")),
            (self.webp.is_some(), (Format::Webp, "webp")),
            (self.avif.is_some(), (Format::Avif, "avif")),
        ];
        ways.into_iter().filter_map(|(has, way)| has.then_some(way))
    }
}

fn edge(text: &str) -> Result<u32, Complaint> {
    parse::number(text, "a number of pixels", &(1..=EDGE_MAX))
}

fn sides(text: &str) -> Result<(u32, u32), Complaint> {
    let wrong = || {
        Complaint::new(
            "is not a width and a height",
            format!("give both in pixels, each from 1 to {EDGE_MAX}, such as 400x300"),
        )
    };
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    match (edge(width), edge(height)) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(wrong()),
    }
}

fn fit(text: &str) -> Result<Fit, Complaint> {
    match text {
        "contain" => Ok(Fit::Contain),
        "cover" => Ok(Fit::Cover),
        _ => Err(Complaint::new(
            "is no way to fit a box",
            "give contain (the whole picture) or cover (cut to the box)",
        )),
    }
}

fn format(text: &str) -> Result<Format, Complaint> {
    match text {
        "jpeg" => Ok(Format::Jpeg),
        "webp" => Ok(Format::Webp),
        "avif" => Ok(Format::Avif),
        _ => Err(Complaint::new(
            "is not a format that variants are made in",
            "give jpeg, webp or avif",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_a_width_and_a_height() {
        assert_eq!(sides("400x300").ok(), Some((400, 300)));
        for bad in ["400", "400x", "x300", "0x1", "400x16384", "4e2x3", ""] {
            assert!(sides(bad).is_err(), "{bad}");
        }
    }
}
