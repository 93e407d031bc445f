//! Adding a picture to a product.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Image, ImageId, ImageStatus, Product, ProductId, image_order, product::IMAGES_MAX};
use futures_util::future::join;
use messages::{ImageProcessV1, ImageSource, Job};

use crate::{
    database::Database,
    error::{StorageError, fit},
    idempotency::{IdempotencyClaim, StoredAnswer},
    image_change::{ImagePosted, ImagesChange, posted_before_in_txn, product_hold_in_txn},
    images::image_pending,
    lease::End,
    outbox_write::{Cause, OutboxEntry},
    schema::{images, products},
};

/// A picture that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedImage {
    /// Its identifier.
    pub id: ImageId,
    /// Where its bytes are.
    pub source: ImageSource,
    /// What it shows, for those who do not see it.
    pub alt: Option<String>,
    /// Its place among the others, which make room; the last where there is none, or that is beyond the last.
    pub position: Option<i32>,
}

/// The product has as many pictures as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyImages;

/// How many pictures a product of the account has; none where there is no such product.
///
/// # Errors
/// See [`StorageError`].
pub async fn images_count(
    database: &Database,
    account: AccountId,
    product: ProductId,
) -> Result<Option<usize>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .run(async {
            let known = products::table
                .filter(products::id.eq(product.uuid()))
                .filter(products::account_id.eq(account.uuid()))
                .count()
                .get_result::<i64>(&mut &*connection);
            let count = images::table
                .filter(images::product_id.eq(product.uuid()))
                .filter(images::account_id.eq(account.uuid()))
                .count()
                .get_result::<i64>(&mut &*connection);
            let (known, count) = join(known, count).await;
            let count = fit("a count", count?)?;
            Ok((known? > 0).then_some(count))
        })
        .await
}

/// Adds a picture (`pending`, generation 1) to a product, with its job. With a `claim`, the answer that `answer` makes
/// of the product is stored for whoever repeats the request.
///
/// # Errors
/// See [`StorageError`]. Nothing stays of what failed.
pub async fn image_add(
    database: &Database,
    account: AccountId,
    product: ProductId,
    added: &AddedImage,
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&Product) -> StoredAnswer,
) -> Result<ImagePosted<TooManyImages>, StorageError> {
    let job = job(account, product, added, cause)?;
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            if let Some(end) = posted_before_in_txn(connection, claim, database.statement_timeout()).await? {
                return Ok(End::Rollback(end));
            }
            let Some((before, now)) = product_hold_in_txn(connection, account, product).await? else {
                return Ok(End::Rollback(ImagePosted::NotFound));
            };
            if before.images.len() >= IMAGES_MAX {
                return Ok(End::Rollback(ImagePosted::Refused(TooManyImages)));
            }
            let image = image_added(product, added, now);
            let change = ImagesChange::of(&before, now, |images| {
                image_order::insert(images, image, added.position);
            });
            let place = change.after.images.iter().position(|image| image.id == added.id);
            let place = fit("images.position", place.unwrap_or_default())?;
            let stored = claim.map(|claim| (claim, answer(&change.after)));
            let insert = image_insert_in_txn(connection, account, product, added, place);
            change.write_in_txn(connection, vec![job], insert, stored).await?;
            Ok(End::Commit(ImagePosted::Fresh(change.after)))
        })
        .await
}

fn job(
    account_id: AccountId,
    product_id: ProductId,
    added: &AddedImage,
    cause: &Cause,
) -> Result<OutboxEntry, StorageError> {
    let job = Job::Process(ImageProcessV1 {
        account_id,
        product_id,
        image_id: added.id,
        generation: 1,
        source: added.source.clone(),
    });
    OutboxEntry::new(Some(account_id), &job, cause)
}

async fn image_insert_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    product: ProductId,
    added: &AddedImage,
    position: i32,
) -> QueryResult<()> {
    let (url, key) = match &added.source {
        ImageSource::Url { url } => (Some(url.as_str()), None),
        ImageSource::Object { key } => (None, Some(key.as_str())),
    };
    diesel::insert_into(images::table)
        .values((
            images::id.eq(added.id.uuid()),
            images::account_id.eq(account.uuid()),
            images::product_id.eq(product.uuid()),
            images::position.eq(position),
            images::alt.eq(added.alt.as_deref()),
            images::source_url.eq(url),
            images::source_key.eq(key),
            images::status.eq(ImageStatus::Pending.as_str()),
        ))
        .execute(&mut &*connection)
        .await?;
    Ok(())
}

fn image_added(product: ProductId, added: &AddedImage, created_at: DateTime<Utc>) -> Image {
    let url = match &added.source {
        ImageSource::Url { url } => Some(url.clone()),
        ImageSource::Object { .. } => None,
    };
    image_pending(product, added.id, 0, added.alt.clone(), url, created_at)
}
