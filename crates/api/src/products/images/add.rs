//! Adding a picture that is to be fetched.

use domain::{AccountId, Change, ChangeEvent, ImageId, ProductId};
use messages::ImageSource;
use serde_json::Value;
use storage_postgres::{
    AddedImage, Cause, IdempotencyClaim, ImagePosted, StoredAnswer, TooManyImages, image_add,
};

use super::draft;
use crate::{
    answered::Answered,
    products::{Catalogue, ProductError, catalogue::Rendered},
};

/// Adds a picture to a product, and asks for it to be made, in one transaction.
///
/// `answer` turns the new picture into what is answered now, and again to every repetition of `claim`.
///
/// # Errors
/// `Invalid`, `NotFound`, `TooManyImages`, `KeyInUse`, `KeyReused` or `Storage`.
pub async fn add_image(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    cause: &Cause,
    body: &Value,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(ImageId, Rendered) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    let new = draft::read_new(body).map_err(ProductError::Invalid)?;
    let added = AddedImage {
        id: ImageId::generate(),
        source: ImageSource::Url { url: new.source_url },
        alt: new.alt,
        position: new.position,
    };
    add(catalogue, (account, product), &added, cause, claim, answer).await
}

/// Adds a picture whose source is known to be there.
pub(super) async fn add(
    catalogue: &Catalogue,
    (account, product): (AccountId, ProductId),
    added: &AddedImage,
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(ImageId, Rendered) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    let render = |product: &_| answer(added.id, catalogue.render_image(product, added.id));
    match image_add(
        &catalogue.database,
        account,
        product,
        added,
        cause,
        claim,
        &render,
    )
    .await?
    {
        ImagePosted::Fresh(after) => {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, product, after.version);
            catalogue.changed(change.at(after.updated_at)).await;
            tracing::info!(product_id = %product, image_id = %added.id, version = after.version, "picture added");
            Ok(Answered::Fresh(render(&after)))
        }
        ImagePosted::Replayed(answer) => Ok(Answered::Replayed(answer)),
        ImagePosted::KeyInUse => Err(ProductError::KeyInUse),
        ImagePosted::KeyReused => Err(ProductError::KeyReused),
        ImagePosted::NotFound => Err(ProductError::NotFound),
        ImagePosted::Refused(TooManyImages) => Err(ProductError::TooManyImages),
    }
}
