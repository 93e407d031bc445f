//! Which products a list shows, in which order, and where a page begins.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};

use crate::{
    ids::ProductId,
    image_status::ImagesStatus,
    money::Currency,
    product::{Product, ProductStatus},
};

/// The largest page.
pub const LIMIT_MAX: u16 = 100;
/// The page that a caller gets who asks for no size.
pub const LIMIT_DEFAULT: u16 = 20;

/// Which products a list shows. Every field that is set narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Words to be found in name, description or sku.
    pub words: Option<String>,
    /// Part of the name, in any case; no character in it is special.
    pub name_part: Option<String>,
    /// The exact sku.
    pub sku: Option<String>,
    /// Any of these; every one where it is empty.
    pub statuses: Vec<ProductStatus>,
    /// Any of these; every one where it is empty.
    pub images_statuses: Vec<ImagesStatus>,
    /// Priced in this currency.
    pub currency: Option<Currency>,
    /// At least this price; only together with `currency`.
    pub min_price: Option<BigDecimal>,
    /// At most this price; only together with `currency`.
    pub max_price: Option<BigDecimal>,
    /// Created later than this.
    pub created_after: Option<DateTime<Utc>>,
    /// Created earlier than this.
    pub created_before: Option<DateTime<Utc>>,
    /// Last changed later than this.
    pub updated_after: Option<DateTime<Utc>>,
    /// Last changed earlier than this.
    pub updated_before: Option<DateTime<Utc>>,
}

/// What a list is ordered by. Ties are ordered by the identifier, in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// Time of creation.
    CreatedAt,
    /// Time of the last change.
    UpdatedAt,
    /// Price, within one currency.
    Price,
    /// Name, in the order of the Unicode Collation Algorithm's root.
    Name,
    /// How well the words are matched, the best first; only where there are words. The newest matches are ranked, and
    /// older ones follow, the newest first.
    Relevance,
}

/// An order with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// What is compared.
    pub key: SortKey,
    /// The largest first.
    pub descending: bool,
}

impl Sort {
    /// The newest first, unless a caller says otherwise.
    pub const NEWEST: Self = Self {
        key: SortKey::CreatedAt,
        descending: true,
    };
    /// The best match first: what a caller gets who searches for words without naming an order.
    pub const BEST_MATCH: Self = Self {
        key: SortKey::Relevance,
        descending: true,
    };

    /// The words that a caller can order by.
    pub const WORDS: [&'static str; 8] = [
        "-created_at",
        "created_at",
        "-updated_at",
        "updated_at",
        "price",
        "-price",
        "name",
        "-name",
    ];

    /// Reads one of [`Self::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        let (descending, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        let key = match name {
            "created_at" => SortKey::CreatedAt,
            "updated_at" => SortKey::UpdatedAt,
            "price" => SortKey::Price,
            "name" => SortKey::Name,
            _ => return None,
        };
        Some(Self { key, descending })
    }
}

/// The value by which a product is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// Of [`SortKey::CreatedAt`] and [`SortKey::UpdatedAt`], to the microsecond. Of [`SortKey::Relevance`] among the matches
    /// that are older than those that are ranked: when it was created.
    Time(DateTime<Utc>),
    /// Of [`SortKey::Price`].
    Price(BigDecimal),
    /// Of [`SortKey::Name`].
    Name(String),
    /// Of [`SortKey::Relevance`] among the matches that are ranked.
    Relevance {
        /// How well it matches.
        rank: f32,
        /// The oldest match that is ranked, as it was when the first page was read; all are where it is absent.
        oldest: Option<Age>,
    },
}

/// Where a product stands among those of its account by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// When it was created, to the microsecond.
    pub created_at: DateTime<Utc>,
    /// Its identifier, which decides between equals.
    pub id: ProductId,
}

/// The last product of a page; the next page begins after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The value by which it is ordered.
    pub value: SortValue,
    /// Its identifier, which decides between equals.
    pub id: ProductId,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// Which products.
    pub filter: ProductFilter,
    /// In which order.
    pub sort: Sort,
    /// At most this many, from 1 to [`LIMIT_MAX`].
    pub limit: u16,
    /// After this product; from the beginning where it is absent.
    pub after: Option<Position>,
    /// Count all products that the filter shows; this costs as much as reading all of them.
    pub include_total: bool,
}

/// The products of one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In the order asked for.
    pub products: Vec<Product>,
    /// Where the next page begins; absent on the last.
    pub next: Option<Position>,
    /// How many products the filter shows, where that was asked for.
    pub total: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_contract_is_an_order() {
        for word in Sort::WORDS {
            assert!(Sort::parse(word).is_some(), "{word}");
        }
        for word in ["", "-", "--name", "relevance", "Name", "id"] {
            assert_eq!(Sort::parse(word), None, "{word}");
        }
        assert_eq!(Sort::parse("-created_at"), Some(Sort::NEWEST));
    }
}
