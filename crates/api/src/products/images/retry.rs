//! Having a picture that has failed tried again.

use domain::{AccountId, Change, ChangeEvent, ImageId, ProductId};
use storage_postgres::{Cause, IdempotencyClaim, ImageNotFailed, ImagePosted, StoredAnswer, image_retry};

use crate::{
    answered::Answered,
    products::{Catalogue, ProductError, catalogue::Rendered},
};

/// Asks for a picture that has failed as if it were new, in one transaction.
///
/// `answer` turns the picture into what is answered now, and again to every repetition of `claim`.
///
/// # Errors
/// `NoSuchImage`, `ImageNotFailed`, `KeyInUse`, `KeyReused` or `Storage`.
pub async fn retry_image(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl Fn(Rendered) -> StoredAnswer,
) -> Result<Answered, ProductError> {
    let render = |product: &_| answer(catalogue.render_image(product, id));
    match image_retry(&catalogue.database, account, product, id, cause, claim, &render).await? {
        ImagePosted::Fresh(after) => {
            let change = Change::of_product(ChangeEvent::ProductUpdated, account, product, after.version);
            catalogue.changed(change.at(after.updated_at)).await;
            tracing::info!(product_id = %product, image_id = %id, version = after.version, "picture tried again");
            Ok(Answered::Fresh(render(&after)))
        }
        ImagePosted::Replayed(answer) => Ok(Answered::Replayed(answer)),
        ImagePosted::KeyInUse => Err(ProductError::KeyInUse),
        ImagePosted::KeyReused => Err(ProductError::KeyReused),
        ImagePosted::NotFound => Err(ProductError::NoSuchImage),
        ImagePosted::Refused(ImageNotFailed { status }) => Err(ProductError::ImageNotFailed { status }),
    }
}
