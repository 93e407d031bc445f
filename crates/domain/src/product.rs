//! Products, and what may be said of one.

use std::collections::BTreeMap;
use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Faults, Rejection, pointer_segment},
    ids::{AccountId, ProductId},
    image::{Image, NewImage},
    image_status::{ImageStatus, ImagesStatus},
    money::Money,
    words::words,
};

/// The longest name, in characters.
pub const NAME_MAX_CHARACTERS: usize = 200;
/// The longest sku, in characters.
pub const SKU_MAX_CHARACTERS: usize = 64;
/// The longest description, in characters.
pub const DESCRIPTION_MAX_CHARACTERS: usize = 20_000;
/// How many pairs of metadata a product has at most.
pub const METADATA_MAX_PAIRS: usize = 50;
/// The longest key of metadata, in characters.
pub const METADATA_KEY_MAX_CHARACTERS: usize = 64;
/// The longest value of metadata, in characters.
pub const METADATA_VALUE_MAX_CHARACTERS: usize = 500;
/// How many pictures a product has at most.
pub const IMAGES_MAX: usize = 20;
/// The most products that are created at once.
pub const BATCH_MAX: usize = 500;

/// What a shop knows about a product beyond its named fields.
pub type Metadata = BTreeMap<String, String>;

words! {
    /// Where a product stands in its life.
    ProductStatus {
        /// Not yet for sale.
        Draft = "draft",
        /// For sale.
        Active = "active",
        /// No longer for sale.
        Archived = "archived",
    }
}

/// Everything of a product that its owner decides, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductDraft {
    /// Its name, trimmed.
    pub name: String,
    /// Its stock-keeping unit.
    pub sku: Option<String>,
    /// What it is, at length.
    pub description: Option<String>,
    /// Its price.
    pub price: Money,
    /// Where it stands in its life.
    pub status: ProductStatus,
    /// Anything else.
    pub metadata: Metadata,
}

/// A product to be, with its pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProduct {
    /// Its identifier.
    pub id: ProductId,
    /// Its owner.
    pub account_id: AccountId,
    /// What the owner decided.
    pub draft: ProductDraft,
    /// Its pictures, in their order.
    pub images: Vec<NewImage>,
}

/// A product as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its identifier.
    pub id: ProductId,
    /// Its owner.
    pub account_id: AccountId,
    /// What the owner decided.
    pub draft: ProductDraft,
    /// Its pictures, by their position.
    pub images: Vec<Image>,
    /// From 1, and one more at every visible change.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last changed, its pictures included.
    pub updated_at: DateTime<Utc>,
}

impl Product {
    /// How far its pictures have come.
    pub fn images_status(&self) -> ImagesStatus {
        ImagesStatus::of(self.images.iter().map(|image| -> ImageStatus { image.status }))
    }
}

/// Checks a name and trims it.
///
/// # Errors
/// `required`, `too_long` or `control_character`.
pub fn parse_name(text: &str) -> Result<String, Rejection> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Rejection::new(
            "required",
            "must not be empty; give 1 to 200 characters",
        ));
    }
    at_most(name, NAME_MAX_CHARACTERS)?;
    if name.chars().any(char::is_control) {
        return Err(Rejection::new(
            "control_character",
            "holds a control character; give plain text on one line",
        ));
    }
    Ok(name.to_owned())
}

/// Checks a sku.
///
/// # Errors
/// `required`, `too_long` or `invalid_character`.
pub fn parse_sku(text: &str) -> Result<String, Rejection> {
    if text.is_empty() {
        return Err(Rejection::new(
            "required",
            "must not be empty; leave it out, or give 1 to 64 characters",
        ));
    }
    at_most(text, SKU_MAX_CHARACTERS)?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Rejection::new(
            "invalid_character",
            "may hold visible ASCII characters only, and no spaces",
        ));
    }
    Ok(text.to_owned())
}

/// Checks a description.
///
/// # Errors
/// `too_long` or `control_character`.
pub fn parse_description(text: &str) -> Result<String, Rejection> {
    at_most(text, DESCRIPTION_MAX_CHARACTERS)?;
    without_nul(text)?;
    Ok(text.to_owned())
}

/// Checks all pairs of metadata, noting each fault beneath `pointer`.
pub fn check_metadata(metadata: &Metadata, pointer: &str, faults: &mut Faults) {
    if metadata.len() > METADATA_MAX_PAIRS {
        faults.add(
            pointer,
            "too_many",
            format!("has more than {METADATA_MAX_PAIRS} entries"),
        );
    }
    for (key, value) in metadata {
        let place = format!("{pointer}/{}", pointer_segment(key));
        if key.is_empty() || key.chars().count() > METADATA_KEY_MAX_CHARACTERS || key.contains('\0') {
            let detail = format!("has a key that is not 1 to {METADATA_KEY_MAX_CHARACTERS} characters long");
            faults.add(&place, "invalid_key", detail);
        }
        faults.take(
            &place,
            at_most(value, METADATA_VALUE_MAX_CHARACTERS).and_then(|()| without_nul(value)),
        );
    }
}

fn at_most(text: &str, characters: usize) -> Result<(), Rejection> {
    // Bytes bound characters from above, so that most texts need no counting.
    if text.len() > characters && text.chars().count() > characters {
        return Err(Rejection::new(
            "too_long",
            format!("is too long; give at most {characters} characters"),
        ));
    }
    Ok(())
}

/// PostgreSQL's `text` holds every character but U+0000.
fn without_nul(text: &str) -> Result<(), Rejection> {
    if text.contains('\0') {
        return Err(Rejection::new(
            "control_character",
            "holds the character U+0000; remove it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(parse_name("  Enamel mug "), Ok("Enamel mug".to_owned()));
        assert_eq!(
            parse_name(&"ü".repeat(200)).map(|name| name.chars().count()),
            Ok(200)
        );
        let code = |name: &str| parse_name(name).unwrap_err().code;
        assert_eq!(code(" \t "), "required");
        assert_eq!(code(&"ü".repeat(201)), "too_long");
        assert_eq!(code("a\u{7}b"), "control_character");
    }

    #[test]
    fn a_sku_is_visible_ascii() {
        assert_eq!(parse_sku("MUG-01/b"), Ok("MUG-01/b".to_owned()));
        let code = |sku: &str| parse_sku(sku).unwrap_err().code;
        assert_eq!(code(""), "required");
        assert_eq!(code("A B"), "invalid_character");
        assert_eq!(code("Tässe"), "invalid_character");
        assert_eq!(code(&"A".repeat(65)), "too_long");
    }

    #[test]
    fn every_fault_of_metadata_is_found_with_its_place() {
        let found = |metadata: Metadata| -> Vec<_> {
            let mut faults = Faults::new();
            check_metadata(&metadata, "#/metadata", &mut faults);
            faults
                .into_vec()
                .into_iter()
                .map(|fault| (fault.pointer, fault.code))
                .collect()
        };
        let odd = [
            ("a/b".to_owned(), "v".repeat(501)),
            ("k".repeat(65), "v".to_owned()),
        ];
        let expected = [
            ("#/metadata/a~1b".to_owned(), "too_long"),
            (format!("#/metadata/{}", "k".repeat(65)), "invalid_key"),
        ];
        assert_eq!(found(odd.into()), expected);
        let many = (0..51)
            .map(|index| (format!("k{index}"), "v".to_owned()))
            .collect();
        assert_eq!(found(many), [("#/metadata".to_owned(), "too_many")]);
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_accepted_again_unchanged(text in "\\PC{0,250}") {
            if let Ok(name) = parse_name(&text) {
                prop_assert_eq!(parse_name(&name), Ok(name.clone()));
                prop_assert!((1..=200).contains(&name.chars().count()));
            }
        }
    }
}
