//! The domain's closed sets of words, as schemas: the list that the code reads by is the one that its readers see.

use std::{borrow::Cow, sync::LazyLock};

use domain::filter::Sort;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AdditionalProperties, Object, ObjectBuilder, Schema, Type},
    },
};

/// Text of any length and on any number of lines, without U+0000.
const TEXT: &str = r"^[^\x00]*$";
macro_rules! vocabulary {
    ($($name:ident: $description:literal;)+) => {$(
        #[doc = $description]
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                words($description, domain::$name::ALL.iter().map(|word| word.as_str()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

vocabulary! {
    ProductStatus: "Where a product stands in its life.";
    ImagesStatus: "How far the pictures of a product have come, taken together. `partial`: all have ended, some failed.";
    ImageStatus: "How far a picture has come.";
    ImageFormat: "A format of pictures.";
    ImageErrorCode: "Why a picture failed, as a stable word.";
    WebhookEvent: "What an endpoint is told of.";
    WebhookTopic: "What an endpoint wants to hear of; `*` stands for everything, also what there will be some day.";
    WebhookDisabledReason: "Why an endpoint was disabled, unless its owner did so: `gone` after the answer 410, `failing` where nothing could be delivered for days.";
    WebhookDeliveryStatus: "How far a delivery has come.";
    WebhookFault: "Why an attempt had no answer.";
    ProblemCode: "The stable word for a problem.";
}

/// An ISO 4217 code.
pub(crate) enum Currency {}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        static CODES: LazyLock<Vec<String>> = LazyLock::new(currencies);
        words("An ISO 4217 code.", CODES.iter().map(String::as_str))
    }
}

impl ToSchema for Currency {
    fn name() -> Cow<'static, str> {
        "Currency".into()
    }
}

/// The order of a list.
pub(crate) enum ProductSort {}

impl PartialSchema for ProductSort {
    fn schema() -> RefOr<Schema> {
        words(
            "The order of a list; a leading `-` turns it round.",
            Sort::WORDS.into_iter(),
        )
    }
}

impl ToSchema for ProductSort {
    fn name() -> Cow<'static, str> {
        "ProductSort".into()
    }
}

/// Metadata of a product.
pub(crate) enum Metadata {}

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        metadata(
            Type::String.into(),
            "What a shop knows about the product beyond its named fields.",
        )
    }
}

impl ToSchema for Metadata {
    fn name() -> Cow<'static, str> {
        "Metadata".into()
    }
}

/// What changes in the metadata of a product.
pub(crate) enum MetadataPatch {}

impl PartialSchema for MetadataPatch {
    fn schema() -> RefOr<Schema> {
        let text_or_null = [Type::String, Type::Null];
        metadata(
            text_or_null.into_iter().collect(),
            "Pairs are changed one by one; null removes a pair.",
        )
    }
}

impl ToSchema for MetadataPatch {
    fn name() -> Cow<'static, str> {
        "MetadataPatch".into()
    }
}

fn metadata(values: utoipa::openapi::schema::SchemaType, description: &str) -> RefOr<Schema> {
    use domain::product::{METADATA_KEY_MAX_CHARACTERS, METADATA_MAX_PAIRS, METADATA_VALUE_MAX_CHARACTERS};
    let text = |kind, shortest, longest| {
        ObjectBuilder::new()
            .schema_type(kind)
            .min_length(shortest)
            .max_length(Some(longest))
            .pattern(Some(TEXT))
            .build()
    };
    let keys: Object = text(Type::String.into(), Some(1), METADATA_KEY_MAX_CHARACTERS);
    let values: Object = text(values, None, METADATA_VALUE_MAX_CHARACTERS);
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .max_properties(Some(METADATA_MAX_PAIRS))
        .property_names(Some(keys))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(
            values,
        )))))
        .build()
        .into()
}

fn words<'a>(description: &str, words: impl Iterator<Item = &'a str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .build()
        .into()
}

/// Every code that can be the currency of a price.
fn currencies() -> Vec<String> {
    let letters = || 'A'..='Z';
    letters()
        .flat_map(|first| {
            letters().flat_map(move |second| letters().map(move |third| [first, second, third]))
        })
        .map(String::from_iter)
        .filter(|code| domain::Currency::parse(code).is_ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_of_a_price_is_described_and_none_has_more_decimals_than_the_pattern() {
        let codes = currencies();
        assert!(codes.iter().any(|code| code == "EUR") && !codes.iter().any(|code| code == "XAU"));
        for code in codes {
            assert!(domain::Currency::parse(&code).unwrap().decimals() <= 4, "{code}");
        }
    }
}
