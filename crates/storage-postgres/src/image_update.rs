//! Changing and removing a picture of a product.

use std::convert::Infallible;

use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Expected, Image, ImageDraft, ImageId, ProductId, image_order};
use messages::{ImagePurgeV1, Job};

use crate::{
    database::Database,
    error::StorageError,
    expression::Prepared,
    image_change::{ImagesChange, product_hold_in_txn},
    lease::End,
    outbox_write::{Cause, OutboxEntry},
    product_update::Updated,
    schema::images,
};

/// Changes a picture of a product that is at one of the `expected` versions, where any are named, to what `change` makes
/// of it. Where it gets another place, the others close up and make room.
///
/// # Errors
/// See [`StorageError`].
pub async fn image_update<E>(
    database: &Database,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    expected: Option<&Expected>,
    change: impl FnOnce(&Image) -> Result<ImageDraft, E>,
) -> Result<Updated<E>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let Some((before, now)) = product_hold_in_txn(connection, account, product).await? else {
                return Ok(End::Rollback(Updated::NotFound));
            };
            let Some(image) = before.images.iter().find(|image| image.id == id) else {
                return Ok(End::Rollback(Updated::NotFound));
            };
            if expected.is_some_and(|expected| !expected.allows(before.version)) {
                let current = before.version;
                return Ok(End::Rollback(Updated::VersionMismatch { current }));
            }
            let draft = match change(image) {
                Ok(draft) => draft,
                Err(refusal) => return Ok(End::Rollback(Updated::Refused(refusal))),
            };
            let changed = ImagesChange::of(&before, now, |images| {
                for image in images
                    .iter_mut()
                    .filter(|image| image.id == id && image.alt != draft.alt)
                {
                    image.alt.clone_from(&draft.alt);
                    image.updated_at = image.updated_at.max(now);
                }
                image_order::move_to(images, id, draft.position);
            });
            if changed.after.images == before.images {
                return Ok(End::Rollback(Updated::Unchanged(before)));
            }
            let write = image_write_in_txn(connection, account, &changed.after.images, id);
            changed.write_in_txn(connection, Vec::new(), write, None).await?;
            Ok(End::Commit(Updated::Changed(changed.after)))
        })
        .await
}

async fn image_write_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    images: &[Image],
    id: ImageId,
) -> QueryResult<()> {
    let Some(image) = images.iter().find(|image| image.id == id) else {
        return Ok(());
    };
    let row = images::table
        .filter(images::id.eq(id.uuid()))
        .filter(images::account_id.eq(account.uuid()));
    let update = diesel::update(row).set((
        images::alt.eq(image.alt.as_deref()),
        images::updated_at.eq(image.updated_at),
    ));
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}

/// Removes a picture from a product that is at one of the `expected` versions, where any are named, and asks for its
/// objects to be deleted. The others close up.
///
/// # Errors
/// See [`StorageError`].
pub async fn image_delete(
    database: &Database,
    account: AccountId,
    product: ProductId,
    id: ImageId,
    expected: Option<&Expected>,
    cause: &Cause,
) -> Result<Updated<Infallible>, StorageError> {
    let purge = Job::Purge(ImagePurgeV1 {
        image_id: id,
        generation: None,
    });
    let purge = OutboxEntry::new(Some(account), &purge, cause)?;
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let Some((before, now)) = product_hold_in_txn(connection, account, product).await? else {
                return Ok(End::Rollback(Updated::NotFound));
            };
            if !before.images.iter().any(|image| image.id == id) {
                return Ok(End::Rollback(Updated::NotFound));
            }
            if expected.is_some_and(|expected| !expected.allows(before.version)) {
                let current = before.version;
                return Ok(End::Rollback(Updated::VersionMismatch { current }));
            }
            let changed = ImagesChange::of(&before, now, |images| {
                image_order::remove(images, id);
            });
            let row = images::table
                .filter(images::id.eq(id.uuid()))
                .filter(images::account_id.eq(account.uuid()));
            let delete = async { diesel::delete(row).execute(&mut &*connection).await.map(drop) };
            changed
                .write_in_txn(connection, vec![purge], delete, None)
                .await?;
            Ok(End::Commit(Updated::Changed(changed.after)))
        })
        .await
}
