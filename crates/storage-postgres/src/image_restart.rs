//! Asking anew for an image that was given up, or that could not be made again.

use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageId, ImageStatus, ProductId, WebhookEvent};
use futures_util::future::join4;
use messages::{ImageProcessV1, ImagePurgeV1, ImageSource, Job};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::{Prepared, greatest},
    image_reprocess_end::{Reprocess, reprocess_again_in_txn},
    image_standing::{product_lock_in_txn, product_touch_in_txn},
    lease::End,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    schema::images,
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// What came of asking anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restarted {
    /// Its job is in the outbox. The image is pending again, or still ready where it was only to be made again.
    Asked {
        /// Whose product it is.
        account_id: AccountId,
        /// The product.
        product_id: ProductId,
        /// The generation that was asked for.
        generation: i32,
        /// The version that the product is of now.
        version: i64,
    },
    /// The image is ready, or another generation of it was asked for since.
    Superseded,
    /// The image is gone.
    Gone,
}

/// Asks for the next generation of an image that is at `generation` and not ready: it is pending again, as if it were
/// new. The objects of the generation before it will be deleted, and the cache will be told.
///
/// An image that is ready is asked for where `generation` is the one that it was last to be made again at, and was not.
/// It goes on showing what it has.
///
/// # Errors
/// See [`StorageError`]. Nothing is changed then.
pub async fn image_restart(
    database: &Database,
    image_id: ImageId,
    generation: i32,
    cause: &Cause,
) -> Result<Restarted, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let Some((product_id, source)) = image_source(connection, image_id).await? else {
                return Ok(End::Rollback(Restarted::Gone));
            };
            let Some(mut locked) = product_lock_in_txn(connection, product_id).await? else {
                return Ok(End::Rollback(Restarted::Gone));
            };
            let Some(image) = locked.image(image_id) else {
                return Ok(End::Rollback(Restarted::Gone));
            };
            if image.status == ImageStatus::Ready
                && image.reprocess_generation == Some(generation)
                && generation > image.generation
            {
                let (account_id, version) = (locked.account_id, locked.version);
                let ask = Reprocess {
                    account_id,
                    product_id,
                    image_id,
                    generation: generation + 1,
                    source,
                };
                reprocess_again_in_txn(connection, ask, cause).await?;
                return Ok(End::Commit(Restarted::Asked {
                    account_id,
                    product_id,
                    generation: generation + 1,
                    version,
                }));
            }
            if image.generation != generation || image.status == ImageStatus::Ready {
                return Ok(End::Rollback(Restarted::Superseded));
            }
            image.status = ImageStatus::Pending;
            image.generation += 1;
            let generation = image.generation;
            let (account_id, version) = (locked.account_id, locked.next_version());
            let named = (account_id, product_id, image_id);
            let [job, purge] = restart_entries(named, generation, source, cause)?;
            let entries = [
                job,
                purge,
                OutboxEntry::invalidation(account_id, product_id, version)?,
            ];
            let news = [WebhookNews::of_product(
                WebhookEvent::ProductUpdated,
                product_id,
                version,
            )];
            let (written, touched, inserted, told) = join4(
                image_renew_in_txn(connection, account_id, image_id, generation),
                product_touch_in_txn(connection, &locked),
                outbox_insert_in_txn(connection, &entries),
                webhook_news_insert_in_txn(connection, account_id, &news),
            )
            .await;
            written?;
            touched?;
            inserted?;
            told?;
            Ok(End::Commit(Restarted::Asked {
                account_id,
                product_id,
                generation,
                version,
            }))
        })
        .await
}

/// The job for a generation of an image, and the purge of what the one before it has stored.
pub(crate) fn restart_entries(
    (account_id, product_id, image_id): (AccountId, ProductId, ImageId),
    generation: i32,
    source: ImageSource,
    cause: &Cause,
) -> Result<[OutboxEntry; 2], StorageError> {
    let job = Job::Process(ImageProcessV1 {
        account_id,
        product_id,
        image_id,
        generation,
        source,
    });
    let purge = Job::Purge(ImagePurgeV1 {
        image_id,
        generation: Some(generation - 1),
    });
    Ok([
        OutboxEntry::new(Some(account_id), &job, cause)?,
        OutboxEntry::new(Some(account_id), &purge, cause)?,
    ])
}

/// The product of an image, which never changes, and where its bytes come from, which is fetched once at most.
pub(crate) async fn image_source(
    connection: &AsyncPgConnection,
    id: ImageId,
) -> Result<Option<(ProductId, ImageSource)>, StorageError> {
    let found = images::table
        .filter(images::id.eq(id.uuid()))
        .select((
            images::product_id,
            images::source_url,
            images::source_key,
            images::original_key,
        ))
        .first::<(Uuid, Option<String>, Option<String>, Option<String>)>(&mut &*connection)
        .await
        .optional()?;
    found
        .map(|(product_id, url, key, kept)| Ok((product_id.into(), source_of(url, kept.or(key))?)))
        .transpose()
}

/// What lies in the bucket, an upload or a kept original, is read from there, whatever else is known of it.
pub(crate) fn source_of(url: Option<String>, key: Option<String>) -> Result<ImageSource, StorageError> {
    match (key, url) {
        (Some(key), _) => Ok(ImageSource::Object { key }),
        (None, Some(url)) => Ok(ImageSource::Url { url }),
        (None, None) => Err(StorageError::value("images.source_url", "there is no source")),
    }
}

pub(crate) async fn image_renew_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: ImageId,
    generation: i32,
) -> QueryResult<()> {
    let row = images::table
        .filter(images::id.eq(id.uuid()))
        .filter(images::account_id.eq(account.uuid()));
    let now = || diesel::dsl::now.into_sql::<Timestamptz>();
    let update = diesel::update(row).set((
        images::status.eq(ImageStatus::Pending.as_str()),
        images::generation.eq(generation),
        images::attempts.eq(0),
        images::error_code.eq(None::<String>),
        images::error_detail.eq(None::<String>),
        images::asked_at.eq(now()),
        images::asks.eq(0),
        images::updated_at.eq(greatest(now(), images::updated_at)),
    ));
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}
