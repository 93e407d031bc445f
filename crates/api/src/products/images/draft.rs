//! From a JSON body to a checked picture, with every fault on the way.

use domain::{
    Faults, Image, ImageDraft,
    image::{parse_alt, parse_position, parse_source_url},
};
use serde_json::{Number, Value, json};

use crate::products::{
    fields::{Fields, wrong_type},
    merge_patch::merge,
};

/// A picture that is to be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewPicture {
    pub(super) source_url: String,
    pub(super) alt: Option<String>,
    pub(super) position: Option<i32>,
}

/// Reads the body of a new picture.
///
/// # Errors
/// Every fault of the body.
pub(super) fn read_new(body: &Value) -> Result<NewPicture, Faults> {
    let mut faults = Faults::new();
    let read = Fields::open(body, "#", &mut faults).map(|mut fields| {
        let source_url = fields.required_text("source_url", &mut faults, parse_source_url);
        let alt = fields.text("alt", &mut faults, parse_alt);
        let position = read_position(&mut fields, &mut faults);
        fields.close(&mut faults);
        (source_url, alt, position)
    });
    match read {
        Some((Some(source_url), alt, position)) if faults.is_empty() => Ok(NewPicture {
            source_url,
            alt,
            position,
        }),
        _ => Err(faults),
    }
}

/// Applies a merge patch (RFC 7396) to what the owner decided before.
///
/// # Errors
/// Every fault of the patch, and of the picture that it would make.
pub(super) fn read_patched(current: &Image, patch: &Value) -> Result<ImageDraft, Faults> {
    let mut faults = Faults::new();
    let mut merged = json!({"alt": current.alt, "position": current.position});
    // A member that the patch removes leaves no trace in what it makes, so names are judged in the patch itself.
    if let Some(mut fields) = Fields::open(patch, "#", &mut faults) {
        fields.expect(&["alt", "position"]);
        fields.close(&mut faults);
        merge(&mut merged, patch);
    }
    let read = Fields::open(&merged, "#", &mut faults).and_then(|mut fields| {
        let alt = fields.text("alt", &mut faults, parse_alt);
        if fields.value("position").is_none() {
            fields.miss("position", &mut faults);
        }
        let position = read_position(&mut fields, &mut faults)?;
        Some(ImageDraft { alt, position })
    });
    match read {
        Some(draft) if faults.is_empty() => Ok(draft),
        _ => Err(faults),
    }
}

/// JSON Schema (2020-12, 6.1.1) counts `1.0` among the whole numbers.
fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn read_position(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<i32> {
    let value = fields.value("position")?;
    let pointer = fields.pointer_to("position");
    match value {
        // A number that no place can be is out of range, however it is written.
        Value::Number(number) if is_whole(number) => {
            // What is too large for an integer is far too large for a place.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the nearest is as far out of range"
            )]
            let nearest = || number.as_f64().unwrap_or(f64::MAX) as i64;
            faults.take(&pointer, parse_position(number.as_i64().unwrap_or_else(nearest)))
        }
        Value::Number(_) => {
            faults.add(&pointer, "wrong_type", "is no whole number; give one such as 0");
            None
        }
        other => {
            wrong_type(&pointer, "a whole number", other, faults);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(faults: Faults) -> Vec<(String, &'static str)> {
        let faults = faults.into_vec().into_iter();
        faults.map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn every_fault_of_a_new_picture_is_found_at_once() {
        let body = json!({"source_url": "ftp://x/", "alt": "a\nb", "position": 20, "title": "x"});
        let expected = [
            ("#/source_url", "unsupported_scheme"),
            ("#/alt", "control_character"),
            ("#/position", "out_of_range"),
            ("#/title", "unknown_field"),
        ]
        .map(|(pointer, code)| (pointer.to_owned(), code));
        assert_eq!(found(read_new(&body).unwrap_err()), expected);
        for position in [json!(1.5), json!("1"), json!(true)] {
            let body = json!({"source_url": "https://example.com/a.jpg", "position": position});
            let expected = [("#/position".to_owned(), "wrong_type")];
            assert_eq!(found(read_new(&body).unwrap_err()), expected, "{position}");
        }
        for position in [json!(-1), json!(u64::MAX), json!(20.0), json!(1e300)] {
            let body = json!({"source_url": "https://example.com/a.jpg", "position": position});
            let expected = [("#/position".to_owned(), "out_of_range")];
            assert_eq!(found(read_new(&body).unwrap_err()), expected, "{position}");
        }
        for position in [json!(3), json!(3.0)] {
            let body = json!({"source_url": "https://example.com/a.jpg", "position": position});
            assert_eq!(read_new(&body).unwrap().position, Some(3), "{position}");
        }
    }
}
