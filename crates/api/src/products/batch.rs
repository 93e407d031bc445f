//! Creating many products at once.

use domain::{AccountId, Change, ChangeEvent, Faults, NewProduct, Product, ProductId, product::BATCH_MAX};
use serde_json::Value;
use storage_postgres::{Cause, Created, IdempotencyClaim, StoredAnswer, products_create};

use super::{
    Catalogue, ProductError, draft,
    fields::{Fields, wrong_type},
};
use crate::answered::Answered;

/// Takes the items out of a body `{"items": […]}`; what each of them is, is judged later.
///
/// # Errors
/// Every fault of the body around the items.
pub fn read_items(mut body: Value) -> Result<Vec<Value>, Faults> {
    let mut faults = Faults::new();
    if let Some(mut fields) = Fields::open(&body, "#", &mut faults) {
        match fields.value("items") {
            Some(Value::Array(items)) => check_count(items.len(), "#/items", &mut faults),
            Some(other) => wrong_type("#/items", "an array", other, &mut faults),
            None => fields.miss("items", &mut faults),
        }
        fields.close(&mut faults);
    }
    match body.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if faults.is_empty() => Ok(items),
        _ => Err(faults),
    }
}

/// Notes where a batch has too few or too many items.
pub fn check_count(count: usize, pointer: &str, faults: &mut Faults) {
    if count == 0 {
        faults.add(pointer, "too_few", format!("has no items; give 1 to {BATCH_MAX}"));
    } else if count > BATCH_MAX {
        let detail = format!("has {count} items; give at most {BATCH_MAX}");
        faults.add(pointer, "too_many", detail);
    }
}

/// Creates those products that can be created, with their pictures, and asks for the pictures to be made, in one
/// transaction. An item that cannot is no matter to the others.
///
/// `answer` turns what came of each item, in their order, into what is answered now, and again to every repetition of
/// `claim`. Of an item it is the product, or `Malformed` as it came, `Invalid` or `DuplicateSku`.
///
/// # Errors
/// `KeyInUse`, `KeyReused` or `Storage`.
pub async fn create_products(
    catalogue: &Catalogue,
    account: AccountId,
    cause: &Cause,
    items: Vec<Result<Value, ProductError>>,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(Vec<Result<Product, ProductError>>) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    let count = items.len();
    let mut new = Vec::with_capacity(count);
    // Nothing stands for a product that is to be created.
    let refusals: Vec<Option<ProductError>> = items
        .into_iter()
        .map(|item| {
            let read =
                |body: Value| draft::read_new(&body, catalogue.currency).map_err(ProductError::Invalid);
            match item.and_then(read) {
                Ok((draft, images)) => {
                    let id = ProductId::generate();
                    new.push(NewProduct {
                        id,
                        account_id: account,
                        draft,
                        images,
                    });
                    None
                }
                Err(refusal) => Some(refusal),
            }
        })
        .collect();
    let mut changes = Vec::new();
    let answer = |created: Vec<Option<Product>>| {
        changes.extend(created.iter().flatten().map(|product| {
            let event = ChangeEvent::ProductCreated;
            Change::of_product(event, account, product.id, product.version).at(product.created_at)
        }));
        let mut created = created.into_iter();
        let outcomes = refusals.into_iter().map(|refusal| match refusal {
            Some(refusal) => Err(refusal),
            None => created.next().flatten().ok_or(ProductError::DuplicateSku),
        });
        answer(outcomes.collect())
    };
    if new.is_empty() && claim.is_none() {
        return Ok(Answered::Fresh(answer(Vec::new())));
    }
    match products_create(&catalogue.database, account, &new, cause, claim, answer).await? {
        Created::Fresh(answer) => {
            let products = changes.len();
            catalogue.live.announce(changes);
            tracing::info!(products, refused = count - products, "batch of products created");
            Ok(Answered::Fresh(answer))
        }
        Created::Replayed(answer) => Ok(Answered::Replayed(answer)),
        Created::KeyInUse => Err(ProductError::KeyInUse),
        Created::KeyReused => Err(ProductError::KeyReused),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(body: Value) -> Vec<(String, &'static str)> {
        let faults = read_items(body).map(|_| ()).unwrap_err().into_vec();
        faults
            .into_iter()
            .map(|fault| (fault.pointer, fault.code))
            .collect()
    }

    #[test]
    fn the_items_are_taken_as_they_are() {
        let items = json!([{"name": 1}, null, "text"]);
        assert_eq!(read_items(json!({ "items": items })).map(Value::from), Ok(items));
        assert_eq!(
            read_items(json!({"items": vec![0; BATCH_MAX]})).map(|items| items.len()),
            Ok(BATCH_MAX)
        );
    }

    #[test]
    fn what_is_around_the_items_lists_every_fault() {
        let one = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        assert_eq!(faults(json!([])), one("#", "wrong_type"));
        assert_eq!(faults(json!({})), one("#/items", "required"));
        assert_eq!(faults(json!({"items": []})), one("#/items", "too_few"));
        assert_eq!(
            faults(json!({"items": vec![0; BATCH_MAX + 1]})),
            one("#/items", "too_many")
        );
        assert_eq!(
            faults(json!({"items": {}, "mode": "atomic"})),
            [one("#/items", "wrong_type"), one("#/mode", "unknown_field")].concat()
        );
    }
}
