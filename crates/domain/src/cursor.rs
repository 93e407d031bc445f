//! Cursors: a position in a list, as an opaque word that is bound to the list's filters and order.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    filter::{Age, Position, ProductFilter, Sort, SortKey, SortValue},
    money::parse_amount,
};

/// Longer words are no cursors of ours: a name has at most 200 characters.
const MAX_BYTES: usize = 2_048;

/// Why a cursor is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It was not made here.
    #[error("is not a cursor; give `next_cursor` of the page before, unchanged")]
    Invalid,
    /// It was made for another list.
    #[error(
        "belongs to other filters or another order; repeat those of the first page, or begin without a cursor"
    )]
    Mismatch,
}

#[derive(Serialize, Deserialize)]
struct Token {
    /// Version of this form.
    v: u8,
    /// Fingerprint of the filters and the order.
    f: String,
    /// The value by which the product is ordered.
    k: Value,
    /// The product.
    i: Uuid,
}

#[derive(Serialize, Deserialize)]
enum Value {
    #[serde(rename = "t")]
    Microseconds(i64),
    #[serde(rename = "p")]
    Price(String),
    #[serde(rename = "n")]
    Name(String),
    /// The bits of the number, so that it comes back exactly, and the oldest match that is ranked.
    #[serde(rename = "w")]
    Relevance(u32, Option<(i64, Uuid)>),
}

/// Writes a position as a word for URLs.
pub fn encode(position: &Position, filter: &ProductFilter, sort: Sort) -> String {
    let value = match &position.value {
        SortValue::Time(time) => Value::Microseconds(time.timestamp_micros()),
        SortValue::Price(price) => Value::Price(price.to_plain_string()),
        SortValue::Name(name) => Value::Name(name.clone()),
        SortValue::Relevance { rank, oldest } => Value::Relevance(
            rank.to_bits(),
            oldest.map(|oldest| (oldest.created_at.timestamp_micros(), oldest.id.uuid())),
        ),
    };
    let token = Token {
        v: 1,
        f: fingerprint(filter, sort),
        k: value,
        i: position.id.uuid(),
    };
    // These types always have a JSON form; an empty word would be refused on its return.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Reads a word that [`encode`] made for the same filters and order.
///
/// # Errors
/// See [`CursorError`].
pub fn decode(word: &str, filter: &ProductFilter, sort: Sort) -> Result<Position, CursorError> {
    if word.len() > MAX_BYTES {
        return Err(CursorError::Invalid);
    }
    let bytes = URL_SAFE_NO_PAD.decode(word).map_err(|_| CursorError::Invalid)?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| CursorError::Invalid)?;
    if token.v != 1 {
        return Err(CursorError::Invalid);
    }
    if token.f != fingerprint(filter, sort) {
        return Err(CursorError::Mismatch);
    }
    let value = match (token.k, sort.key) {
        (Value::Microseconds(time), SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance) => {
            SortValue::Time(time_of(time)?)
        }
        (Value::Price(price), SortKey::Price) => {
            SortValue::Price(parse_amount(&price).map_err(|_| CursorError::Invalid)?)
        }
        (Value::Name(name), SortKey::Name) if !name.contains('\0') => SortValue::Name(name),
        (Value::Relevance(bits, oldest), SortKey::Relevance) if f32::from_bits(bits).is_finite() => {
            let oldest = oldest.map(|(time, id)| {
                time_of(time).map(|created_at| Age {
                    created_at,
                    id: id.into(),
                })
            });
            SortValue::Relevance {
                rank: f32::from_bits(bits),
                oldest: oldest.transpose()?,
            }
        }
        _ => return Err(CursorError::Invalid),
    };
    Ok(Position {
        value,
        id: token.i.into(),
    })
}

/// Only times that the database knows as well.
fn time_of(microseconds: i64) -> Result<DateTime<Utc>, CursorError> {
    DateTime::from_timestamp_micros(microseconds)
        .filter(|time| (1..=9_999).contains(&time.year()))
        .ok_or(CursorError::Invalid)
}

fn fingerprint(filter: &ProductFilter, sort: Sort) -> String {
    // `Debug` of plain data is exact, and a change of its form only makes old cursors mismatch.
    let digest = Sha256::digest(format!("{filter:?}{sort:?}"));
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::ProductId;

    fn position(value: SortValue) -> Position {
        Position {
            value,
            id: ProductId::generate(),
        }
    }

    #[test]
    fn a_cursor_comes_back_exactly() {
        let filter = ProductFilter {
            name_part: Some("mug".to_owned()),
            ..ProductFilter::default()
        };
        let values = [
            (
                SortKey::CreatedAt,
                SortValue::Time(DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap()),
            ),
            (SortKey::Price, SortValue::Price("19.90".parse().unwrap())),
            (SortKey::Name, SortValue::Name("Größe \"L\"".to_owned())),
            (
                SortKey::Relevance,
                SortValue::Relevance {
                    rank: 0.060_792_71,
                    oldest: None,
                },
            ),
            (
                SortKey::Relevance,
                SortValue::Relevance {
                    rank: 0.1,
                    oldest: Some(Age {
                        created_at: DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap(),
                        id: ProductId::generate(),
                    }),
                },
            ),
            (
                SortKey::Relevance,
                SortValue::Time(DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap()),
            ),
        ];
        for (key, value) in values {
            let sort = Sort {
                key,
                descending: false,
            };
            let position = position(value);
            assert_eq!(
                decode(&encode(&position, &filter, sort), &filter, sort),
                Ok(position)
            );
        }
    }

    #[test]
    fn a_cursor_serves_its_own_list_only() {
        let filter = ProductFilter::default();
        let other = ProductFilter {
            sku: Some("MUG-01".to_owned()),
            ..ProductFilter::default()
        };
        let word = encode(
            &position(SortValue::Name("Mug".to_owned())),
            &filter,
            Sort {
                key: SortKey::Name,
                descending: false,
            },
        );
        let decode = |filter, descending| {
            decode(
                &word,
                filter,
                Sort {
                    key: SortKey::Name,
                    descending,
                },
            )
        };
        assert!(decode(&filter, false).is_ok());
        assert_eq!(decode(&other, false), Err(CursorError::Mismatch));
        assert_eq!(decode(&filter, true), Err(CursorError::Mismatch));
    }

    #[test]
    fn a_forged_position_is_refused() {
        let forged = |key, value: &str| {
            let (filter, sort) = (
                ProductFilter::default(),
                Sort {
                    key,
                    descending: true,
                },
            );
            let id = ProductId::generate();
            let token = format!(
                r#"{{"v":1,"f":"{}","k":{value},"i":"{id}"}}"#,
                fingerprint(&filter, sort)
            );
            decode(&URL_SAFE_NO_PAD.encode(token), &filter, sort).map(|position| position.value)
        };
        assert!(forged(SortKey::CreatedAt, r#"{"t":1764000000000000}"#).is_ok());
        for value in [
            r#"{"t":-300000000000000000}"#,
            r#"{"t":9223372036854775807}"#,
            r#"{"n":"Mug"}"#,
        ] {
            assert_eq!(
                forged(SortKey::CreatedAt, value),
                Err(CursorError::Invalid),
                "{value}"
            );
        }
        assert!(forged(SortKey::Price, r#"{"p":"19.90"}"#).is_ok());
        for value in [
            r#"{"p":"1e999999"}"#,
            r#"{"p":"1E-131072"}"#,
            r#"{"p":"-1"}"#,
            r#"{"p":19.9}"#,
        ] {
            assert_eq!(
                forged(SortKey::Price, value),
                Err(CursorError::Invalid),
                "{value}"
            );
        }
        assert_eq!(
            forged(SortKey::Name, r#"{"n":"\u0000"}"#),
            Err(CursorError::Invalid)
        );
        assert_eq!(
            forged(SortKey::Relevance, r#"{"w":[2143289344,null]}"#),
            Err(CursorError::Invalid),
            "no number"
        );
        let age = format!(r#"{{"w":[0,[9223372036854775807,"{}"]]}}"#, ProductId::generate());
        assert_eq!(forged(SortKey::Relevance, &age), Err(CursorError::Invalid));
    }

    proptest! {
        #[test]
        fn no_word_panics(word in "[A-Za-z0-9_-]{0,200}") {
            prop_assert_eq!(decode(&word, &ProductFilter::default(), Sort::NEWEST), Err(CursorError::Invalid));
        }
    }
}
