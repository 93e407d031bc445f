//! Changing and deleting a product.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Change, ChangeEvent, Expected, Product, ProductDraft, ProductId, WebhookEvent};
use futures_util::future::{join, join3, join4};
use messages::{ImagePurgeV1, Job};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::{Prepared, greatest},
    lease::End,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    product_deletions::product_deletion_insert_in_txn,
    products::{metadata_json, product_find},
    schema::products,
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// What came of changing a product, or whatever else `T` is; `E` is the caller's reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated<E, T = Product> {
    /// It is so now.
    Changed(T),
    /// It was so already; its version stays.
    Unchanged(T),
    /// The account has no such thing.
    NotFound,
    /// It is not of the version that the caller expected.
    VersionMismatch {
        /// The version that it is of.
        current: i64,
    },
    /// The caller would not have it so.
    Refused(E),
}

/// What came of deleting something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone; of a product, its objects will be.
    Done {
        /// The last version that it had.
        version: i64,
    },
    /// The account has no such thing.
    NotFound,
    /// It is not of the version that the caller expected.
    VersionMismatch {
        /// The version that it is of.
        current: i64,
    },
}

/// Changes a product of an `expected` version to what `change` makes of it. Nobody else changes it meanwhile: its row is
/// locked.
///
/// The version grows, and the time of the last change is set, only if something changed that can be seen. That time is
/// the beginning of the transaction, but never earlier than the one before it. The cache will be told.
///
/// # Errors
/// [`StorageError::DuplicateSku`], and whatever else [`StorageError`] names.
pub async fn product_update<E>(
    database: &Database,
    account: AccountId,
    id: ProductId,
    expected: Option<&Expected>,
    change: impl FnOnce(&Product) -> Result<ProductDraft, E>,
) -> Result<Updated<E>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            // The second statement sees what was committed while the first one waited.
            let lock = products::table
                .filter(products::id.eq(id.uuid()))
                .filter(products::account_id.eq(account.uuid()))
                .select(products::id)
                .for_no_key_update()
                .first::<Uuid>(&mut &*connection);
            let (locked, found) = join(lock, product_find(connection, account, id)).await;
            if locked.optional()?.is_none() {
                return Ok(End::Rollback(Updated::NotFound));
            }
            let Some(product) = found? else {
                return Ok(End::Rollback(Updated::NotFound));
            };
            if expected.is_some_and(|expected| !expected.allows(product.version)) {
                let current = product.version;
                return Ok(End::Rollback(Updated::VersionMismatch { current }));
            }
            let draft = match change(&product) {
                Ok(draft) => draft,
                Err(refusal) => return Ok(End::Rollback(Updated::Refused(refusal))),
            };
            if draft == product.draft {
                return Ok(End::Rollback(Updated::Unchanged(product)));
            }
            let version = product.version + 1;
            let invalidation = OutboxEntry::invalidation(account, id, version)?;
            let news = WebhookNews::of_product(WebhookEvent::ProductUpdated, id, version);
            let (updated_at, inserted, told) = join3(
                draft_write_in_txn(connection, &product, &draft),
                outbox_insert_in_txn(connection, &[invalidation]),
                webhook_news_insert_in_txn(connection, account, &[news]),
            )
            .await;
            let updated_at = updated_at?;
            inserted?;
            told?;
            Ok(End::Commit(Updated::Changed(Product {
                draft,
                version,
                updated_at,
                ..product
            })))
        })
        .await
}

async fn draft_write_in_txn(
    connection: &AsyncPgConnection,
    product: &Product,
    draft: &ProductDraft,
) -> Result<DateTime<Utc>, StorageError> {
    let now = diesel::dsl::now.into_sql::<Timestamptz>();
    let row = products::table
        .filter(products::id.eq(product.id.uuid()))
        .filter(products::account_id.eq(product.account_id.uuid()));
    let update = diesel::update(row)
        .set((
            products::sku.eq(draft.sku.as_deref()),
            products::name.eq(draft.name.as_str()),
            products::description.eq(draft.description.as_deref()),
            products::price_amount.eq(draft.price.amount()),
            products::price_currency.eq(draft.price.currency().code()),
            products::status.eq(draft.status.as_str()),
            products::metadata.eq(metadata_json(&draft.metadata)),
            products::version.eq(products::version + 1),
            products::updated_at.eq(greatest(now, products::updated_at)),
        ))
        .returning(products::updated_at);
    Ok(Prepared(update).get_result(&mut &*connection).await?)
}

/// Deletes a product of an `expected` version, with its images, and asks for their objects to be deleted. The cache will
/// be told.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_delete(
    database: &Database,
    account: AccountId,
    id: ProductId,
    expected: Option<&Expected>,
    cause: &Cause,
) -> Result<Deleted, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let row = products::table
                .filter(products::id.eq(id.uuid()))
                .filter(products::account_id.eq(account.uuid()));
            let lock = row
                .select(products::id)
                .for_update()
                .first::<Uuid>(&mut &*connection);
            let (locked, found) = join(lock, product_find(connection, account, id)).await;
            if locked.optional()?.is_none() {
                return Ok(End::Rollback(Deleted::NotFound));
            }
            let Some(product) = found? else {
                return Ok(End::Rollback(Deleted::NotFound));
            };
            if expected.is_some_and(|expected| !expected.allows(product.version)) {
                let current = product.version;
                return Ok(End::Rollback(Deleted::VersionMismatch { current }));
            }
            let mut entries = product
                .images
                .iter()
                .map(|image| {
                    let job = Job::Purge(ImagePurgeV1 {
                        image_id: image.id,
                        generation: None,
                    });
                    OutboxEntry::new(Some(account), &job, cause)
                })
                .collect::<Result<Vec<_>, _>>()?;
            // A reader may still hold the last version; the one after it never comes.
            let after_last = product.version + 1;
            let change = Change::of_product(ChangeEvent::ProductDeleted, account, id, after_last);
            entries.push(OutboxEntry::change(&change)?);
            let news = WebhookNews::of_product(WebhookEvent::ProductDeleted, id, after_last);
            // Its images go with it, by the foreign key.
            let delete = diesel::delete(row).execute(&mut &*connection);
            let (deleted, inserted, told, noted) = join4(
                delete,
                outbox_insert_in_txn(connection, &entries),
                webhook_news_insert_in_txn(connection, account, &[news]),
                product_deletion_insert_in_txn(connection, &change),
            )
            .await;
            deleted?;
            inserted?;
            told?;
            noted?;
            Ok(End::Commit(Deleted::Done {
                version: product.version,
            }))
        })
        .await
}
