//! Applying what workers answer.

use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageId, ImageStatus, ImagesStatus, ProductId};
use futures_util::future::join;
use messages::{ImagePurgeV1, ImageResult, Job, Message as _};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{StorageError, fit},
    expression::{Prepared, greatest},
    images::word,
    lease::End,
    outbox::{Cause, OutboxEntry, outbox_insert_in_txn},
    schema::{images, products},
};

/// What came of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The product shows it now.
    Changed {
        /// Whose product it is.
        account_id: AccountId,
        /// The product.
        product_id: ProductId,
        /// The version that it is of now.
        version: i64,
    },
    /// It told nothing new: it came twice, too late, or for an earlier asking.
    Unchanged,
    /// The image is gone. What a worker stored for it will be deleted.
    Gone,
}

/// Applies a result, if it tells something new of its image.
///
/// An image that has ended stays as it is, so a late `started` undoes nothing, and a result that is delivered twice
/// counts once. A result of an earlier generation counts for nothing.
///
/// # Errors
/// See [`StorageError`]; [`StorageError::Constraint`] and [`StorageError::Value`] will be the same at every attempt.
pub async fn image_result_apply(
    database: &Database,
    result: &ImageResult,
    cause: &Cause,
) -> Result<Applied, StorageError> {
    let target = Target::of(result);
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let Some((account_id, mut all)) = product_lock_in_txn(connection, target.product_id).await?
            else {
                return gone_in_txn(connection, result, None, cause).await;
            };
            let Some(image) = all.iter_mut().find(|image| image.id == target.image_id) else {
                return gone_in_txn(connection, result, Some(account_id), cause).await;
            };
            if !target.is_news_for(image) {
                return Ok(End::Rollback(Applied::Unchanged));
            }
            image.status = target.status;
            let images_status = ImagesStatus::of(all.iter().map(|image| image.status));
            let (written, version) = join(
                image_write_in_txn(connection, account_id, result, &target),
                product_touch_in_txn(connection, account_id, target.product_id, images_status),
            )
            .await;
            written?;
            Ok(End::Commit(Applied::Changed {
                account_id,
                product_id: target.product_id,
                version: version?,
            }))
        })
        .await
}

/// What every result says.
struct Target {
    product_id: ProductId,
    image_id: ImageId,
    generation: i32,
    attempt: u32,
    status: ImageStatus,
}

impl Target {
    fn of(result: &ImageResult) -> Self {
        macro_rules! target {
            ($body:expr, $status:expr) => {
                Self {
                    product_id: $body.product_id,
                    image_id: $body.image_id,
                    generation: $body.generation,
                    attempt: $body.attempt,
                    status: $status,
                }
            };
        }
        match result {
            ImageResult::Started(body) => target!(body, ImageStatus::Processing),
            ImageResult::Processed(body) => target!(body, ImageStatus::Ready),
            ImageResult::Failed(body) => target!(body, ImageStatus::Failed),
        }
    }

    fn is_news_for(&self, image: &Standing) -> bool {
        let begins_again =
            image.status == ImageStatus::Processing && i64::from(self.attempt) > image.attempts.into();
        image.generation == self.generation
            && !image.status.is_ended()
            && (self.status.is_ended() || image.status == ImageStatus::Pending || begins_again)
    }
}

/// How far an image is.
struct Standing {
    id: ImageId,
    status: ImageStatus,
    generation: i32,
    attempts: i32,
}

/// Locks a product, and then reads its images as they are under the lock. Workers do not know the owner for certain,
/// so it is read here, and everything after this asks for it.
async fn product_lock_in_txn(
    connection: &AsyncPgConnection,
    id: ProductId,
) -> Result<Option<(AccountId, Vec<Standing>)>, StorageError> {
    let lock = products::table
        .filter(products::id.eq(id.uuid()))
        .select(products::account_id)
        .for_no_key_update()
        .first::<Uuid>(&mut &*connection);
    let standings = images::table
        .filter(images::product_id.eq(id.uuid()))
        .select((images::id, images::status, images::generation, images::attempts))
        .load::<(Uuid, String, i32, i32)>(&mut &*connection);
    let (account_id, standings) = join(lock, standings).await;
    let Some(account_id) = account_id.optional()? else {
        return Ok(None);
    };
    let standings = standings?
        .into_iter()
        .map(|(id, status, generation, attempts)| {
            Ok(Standing {
                id: id.into(),
                status: word("images.status", &status)?,
                generation,
                attempts,
            })
        })
        .collect::<Result<_, StorageError>>()?;
    Ok(Some((account_id.into(), standings)))
}

async fn image_write_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    result: &ImageResult,
    target: &Target,
) -> Result<(), StorageError> {
    let row = images::table
        .filter(images::id.eq(target.image_id.uuid()))
        .filter(images::account_id.eq(account.uuid()));
    let now = greatest(diesel::dsl::now.into_sql::<Timestamptz>(), images::updated_at);
    let common = (
        images::status.eq(target.status.as_str()),
        images::attempts.eq(fit::<_, i32>("attempt", target.attempt)?),
        images::updated_at.eq(now),
    );
    let update = diesel::update(row);
    match result {
        ImageResult::Started(_) => Prepared(update.set(common)).execute(&mut &*connection).await?,
        ImageResult::Failed(body) => {
            let failure = (
                images::error_code.eq(body.error.code.as_str()),
                images::error_detail.eq(body.error.detail.as_str()),
            );
            Prepared(update.set((common, failure)))
                .execute(&mut &*connection)
                .await?
        }
        ImageResult::Processed(body) => {
            let json = |error| StorageError::value("placeholder or variants", error);
            let facts = (
                images::width.eq(fit::<_, i32>("width", body.width)?),
                images::height.eq(fit::<_, i32>("height", body.height)?),
                images::format.eq(body.format.as_str()),
                images::bytes.eq(fit::<_, i64>("bytes", body.bytes)?),
                images::placeholder.eq(body
                    .placeholder
                    .as_ref()
                    .map(serde_json::to_value)
                    .transpose()
                    .map_err(json)?),
                images::variants.eq(serde_json::to_value(&body.variants).map_err(json)?),
            );
            Prepared(update.set((common, facts)))
                .execute(&mut &*connection)
                .await?
        }
    };
    Ok(())
}

async fn product_touch_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: ProductId,
    images_status: ImagesStatus,
) -> Result<i64, StorageError> {
    let row = products::table
        .filter(products::id.eq(id.uuid()))
        .filter(products::account_id.eq(account.uuid()));
    let now = greatest(diesel::dsl::now.into_sql::<Timestamptz>(), products::updated_at);
    let update = diesel::update(row)
        .set((
            products::images_status.eq(images_status.as_str()),
            products::version.eq(products::version + 1),
            products::updated_at.eq(now),
        ))
        .returning(products::version);
    Ok(Prepared(update).get_result(&mut &*connection).await?)
}

/// Whoever succeeded has left objects behind, and whoever failed may have: some were stored before the rest could not be.
async fn gone_in_txn(
    connection: &AsyncPgConnection,
    result: &ImageResult,
    account: Option<AccountId>,
    cause: &Cause,
) -> Result<End<Applied>, StorageError> {
    if matches!(result, ImageResult::Started(_)) {
        return Ok(End::Rollback(Applied::Gone));
    }
    let job = Job::Purge(ImagePurgeV1 {
        image_id: result.image_id(),
        generation: None,
    });
    outbox_insert_in_txn(connection, &[OutboxEntry::new(account, &job, cause)?]).await?;
    Ok(End::Commit(Applied::Gone))
}
