//! Creating a product.

use domain::{AccountId, Change, ChangeEvent, NewProduct, Product, ProductId};
use serde_json::Value;
use storage_postgres::{Cause, Created, IdempotencyClaim, StoredAnswer, product_create};

use super::{Catalogue, ProductError, catalogue::Rendered, draft};
use crate::answered::Answered;

/// Creates a product with its pictures, and asks for the pictures to be made, in one transaction.
///
/// `answer` turns the new product into what is answered now, and again to every repetition of `claim`.
///
/// # Errors
/// `Invalid`, `DuplicateSku`, `KeyInUse`, `KeyReused` or `Storage`.
pub async fn create_product(
    catalogue: &Catalogue,
    account: AccountId,
    cause: &Cause,
    body: &Value,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(ProductId, Rendered) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    let (draft, images) = draft::read_new(body, catalogue.currency).map_err(ProductError::Invalid)?;
    let product = NewProduct {
        id: ProductId::generate(),
        account_id: account,
        draft,
        images,
    };
    let render = |product: &Product| answer(product.id, catalogue.render(product));
    match product_create(&catalogue.database, &product, cause, claim, &render).await? {
        Created::Fresh(product) => {
            let change =
                Change::of_product(ChangeEvent::ProductCreated, account, product.id, product.version);
            catalogue.live.announce(vec![change.at(product.created_at)]);
            tracing::info!(product_id = %product.id, images = product.images.len(), "product created");
            Ok(Answered::Fresh(render(&product)))
        }
        Created::Replayed(answer) => Ok(Answered::Replayed(answer)),
        Created::KeyInUse => Err(ProductError::KeyInUse),
        Created::KeyReused => Err(ProductError::KeyReused),
    }
}
