//! From a JSON body to a checked product, with every fault on the way.

use domain::{
    Currency, Faults, ImageId, Metadata, Money, NewImage, ProductDraft, ProductStatus,
    image::{parse_alt, parse_source_url},
    money::parse_amount,
    product::{IMAGES_MAX, check_metadata, parse_description, parse_name, parse_sku},
};
use serde_json::{Value, json};

use super::{
    fields::{Fields, wrong_type},
    merge_patch::merge,
};

/// The fields that an owner may change.
const WRITABLE: [&str; 6] = ["name", "sku", "description", "price", "status", "metadata"];

/// Reads the body of a new product with its pictures.
///
/// # Errors
/// Every fault of the body.
pub fn read_new(body: &Value, default_currency: Currency) -> Result<(ProductDraft, Vec<NewImage>), Faults> {
    let mut faults = Faults::new();
    let read = Fields::open(body, "#", &mut faults).map(|mut fields| {
        let draft = read_fields(&mut fields, default_currency, &mut faults);
        let images = read_images(&mut fields, &mut faults);
        fields.close(&mut faults);
        (draft, images)
    });
    match read {
        Some((Some(draft), images)) if faults.is_empty() => Ok((draft, images)),
        _ => Err(faults),
    }
}

/// Applies a merge patch (RFC 7396) to what the owner decided before.
///
/// # Errors
/// Every fault of the patch, and of the product that it would make.
pub fn read_patched(
    current: &ProductDraft,
    patch: &Value,
    default_currency: Currency,
) -> Result<ProductDraft, Faults> {
    let mut faults = Faults::new();
    let mut merged = writable(current);
    // A member that the patch removes leaves no trace in what it makes, so names are judged in the patch itself.
    if let Some(mut fields) = Fields::open(patch, "#", &mut faults) {
        fields.expect(&WRITABLE);
        if let Some(price) = fields.value("price").filter(|price| price.is_object())
            && let Some(mut price) = Fields::open(price, "#/price", &mut faults)
        {
            price.expect(&["amount", "currency"]);
            price.close(&mut faults);
        }
        fields.close(&mut faults);
        merge(&mut merged, patch);
    }
    let draft = Fields::open(&merged, "#", &mut faults)
        .and_then(|mut fields| read_fields(&mut fields, default_currency, &mut faults));
    match draft {
        Some(draft) if faults.is_empty() => Ok(draft),
        _ => Err(faults),
    }
}

fn read_fields(
    fields: &mut Fields<'_>,
    default_currency: Currency,
    faults: &mut Faults,
) -> Option<ProductDraft> {
    let name = fields.required_text("name", faults, parse_name);
    let sku = fields.text("sku", faults, parse_sku);
    let description = fields.text("description", faults, parse_description);
    let price = read_price(fields, default_currency, faults);
    let status = fields
        .text("status", faults, str::parse)
        .unwrap_or(ProductStatus::Active);
    let metadata = read_metadata(fields, faults);
    Some(ProductDraft {
        name: name?,
        sku,
        description,
        price: price?,
        status,
        metadata,
    })
}

fn read_price(fields: &mut Fields<'_>, default_currency: Currency, faults: &mut Faults) -> Option<Money> {
    let Some(value) = fields.value("price") else {
        fields.miss("price", faults);
        return None;
    };
    let mut price = Fields::open(value, fields.pointer_to("price"), faults)?;
    let amount = price.required_text("amount", faults, |text| parse_amount(text).map(|_| text));
    let named = price.value("currency").is_some();
    let currency = price.text("currency", faults, Currency::parse);
    let currency = if named { currency } else { Some(default_currency) };
    let pointer = price.pointer_to("amount");
    price.close(faults);
    faults.take(&pointer, Money::parse(amount?, currency?))
}

fn read_metadata(fields: &mut Fields<'_>, faults: &mut Faults) -> Metadata {
    let Some(value) = fields.value("metadata") else {
        return Metadata::new();
    };
    let pointer = fields.pointer_to("metadata");
    let Value::Object(pairs) = value else {
        wrong_type(&pointer, "an object of strings", value, faults);
        return Metadata::new();
    };
    let mut metadata = Metadata::new();
    for (key, value) in pairs {
        match value {
            Value::String(text) => {
                metadata.insert(key.clone(), text.clone());
            }
            other => {
                let place = format!("{pointer}/{}", domain::fault::pointer_segment(key));
                wrong_type(&place, "a string", other, faults);
            }
        }
    }
    check_metadata(&metadata, &pointer, faults);
    metadata
}

fn read_images(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<NewImage> {
    let Some(value) = fields.value("images") else {
        return Vec::new();
    };
    let pointer = fields.pointer_to("images");
    let Value::Array(items) = value else {
        wrong_type(&pointer, "an array", value, faults);
        return Vec::new();
    };
    if items.len() > IMAGES_MAX {
        let detail = format!("has {} entries; give at most {IMAGES_MAX}", items.len());
        faults.add(&pointer, "too_many", detail);
        return Vec::new();
    }
    let places = items
        .iter()
        .enumerate()
        .map(|(index, item)| (format!("{pointer}/{index}"), item));
    places
        .filter_map(|(place, item)| read_image(item, place, faults))
        .collect()
}

fn read_image(item: &Value, pointer: String, faults: &mut Faults) -> Option<NewImage> {
    let mut fields = Fields::open(item, pointer, faults)?;
    let source_url = fields.required_text("source_url", faults, parse_source_url);
    let alt = fields.text("alt", faults, parse_alt);
    fields.close(faults);
    Some(NewImage {
        id: ImageId::generate(),
        source_url: source_url?,
        alt,
    })
}

/// The fields that an owner may change, as the API writes them.
fn writable(draft: &ProductDraft) -> Value {
    json!({
        "name": draft.name,
        "sku": draft.sku,
        "description": draft.description,
        "price": {"amount": draft.price.amount_text(), "currency": draft.price.currency().code()},
        "status": draft.status,
        "metadata": draft.metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn mug() -> ProductDraft {
        let body = json!({"name": "Mug", "sku": "MUG-01", "price": {"amount": "19.90"}, "metadata": {"colour": "blue", "size": "L"}});
        read_new(&body, euro()).unwrap().0
    }

    fn found(result: Result<impl std::fmt::Debug, Faults>) -> Vec<(String, &'static str)> {
        result
            .unwrap_err()
            .into_vec()
            .into_iter()
            .map(|fault| (fault.pointer, fault.code))
            .collect()
    }

    #[test]
    fn every_fault_of_a_body_is_found_at_once() {
        let body = json!({
            "name": " ", "sku": "a b", "description": 7, "status": "sold", "nmae": "Mug",
            "price": {"amount": "-1", "currency": "Euro", "tax": "0"},
            "metadata": {"a": 1}, "images": [{"source_url": "ftp://x/"}, {"alt": "no address"}, "text"],
        });
        let expected: Vec<(String, &str)> = [
            ("#/name", "required"),
            ("#/sku", "invalid_character"),
            ("#/description", "wrong_type"),
            ("#/price/amount", "not_positive"),
            ("#/price/currency", "unknown_currency"),
            ("#/price/tax", "unknown_field"),
            ("#/status", "unknown_value"),
            ("#/metadata/a", "wrong_type"),
            ("#/images/0/source_url", "unsupported_scheme"),
            ("#/images/1/source_url", "required"),
            ("#/images/2", "wrong_type"),
            ("#/nmae", "unknown_field"),
        ]
        .map(|(pointer, code)| (pointer.to_owned(), code))
        .to_vec();
        assert_eq!(found(read_new(&body, euro())), expected);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let (draft, images) = read_new(&json!({"name": "Mug", "price": {"amount": "5"}}), euro()).unwrap();
        assert_eq!(
            (draft.status, draft.price.amount_text().as_str(), draft.sku),
            (ProductStatus::Active, "5.00", None)
        );
        assert!(images.is_empty() && draft.metadata.is_empty());
    }

    #[test]
    fn a_body_that_is_no_object_says_so() {
        for body in [json!([]), json!(null), json!("Mug"), json!(1)] {
            assert_eq!(found(read_new(&body, euro())), [("#".to_owned(), "wrong_type")]);
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let patch =
            json!({"price": {"amount": "21"}, "sku": null, "metadata": {"size": null, "glaze": "matt"}});
        let patched = read_patched(&mug(), &patch, euro()).unwrap();
        let metadata =
            [("colour", "blue"), ("glaze", "matt")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let price = Money::parse("21.00", euro()).unwrap();
        assert_eq!(
            patched,
            ProductDraft {
                price,
                sku: None,
                metadata: Metadata::from(metadata),
                ..mug()
            }
        );
        assert_eq!(read_patched(&mug(), &json!({}), euro()), Ok(mug()));
    }

    #[test]
    fn a_patch_that_breaks_a_rule_lists_every_fault() {
        let patch = json!({"name": null, "version": null, "price": {"currency": "JPY", "tax": "1"}});
        let expected = [
            ("#/price/tax", "unknown_field"),
            ("#/version", "unknown_field"),
            ("#/name", "required"),
            ("#/price/amount", "too_many_decimals"),
        ];
        let found: Vec<_> = found(read_patched(&mug(), &patch, euro()));
        for (pointer, code) in expected {
            assert!(
                found.contains(&(pointer.to_owned(), code)),
                "{pointer} {code} in {found:?}"
            );
        }
    }
}
