//! Applying what workers answer.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, NullableExpressionMethods as _, QueryDsl as _,
    sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Change, ChangeEvent, ImageId, ImageStatus, ImagesStatus, ProductId};
use futures_util::future::join4;
use messages::{ImagePurgeV1, ImageResult, Job, Message as _};

use crate::{
    database::Database,
    error::{StorageError, fit},
    expression::{Prepared, greatest},
    image_reprocess_end::{GRACE, purge_later, reprocess_fail_in_txn, reprocess_hear_in_txn},
    image_standing::{Bearing, Locked, Standing, product_lock_in_txn, product_touch_in_txn},
    lease::End,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    schema::images,
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// What came of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The product shows it now.
    Changed(Change),
    /// It told nothing new: it came twice, too late, or for an earlier asking.
    Unchanged,
    /// A picture that is shown could not be made again. It stays as it is, and what was stored will be deleted.
    NotReprocessed,
    /// The image is gone. What a worker stored for it will be deleted.
    Gone,
}

/// Applies a result, if it tells something new of its image.
///
/// An image that has ended stays as it is, so a late `started` undoes nothing, and a result that is delivered twice
/// counts once. A result of an earlier generation counts for nothing. An image that is ready and made again shows what
/// it has until the new variants are stored, and goes on showing it where they cannot be made.
///
/// # Errors
/// See [`StorageError`]; [`StorageError::Constraint`] and [`StorageError::Value`] will be the same at every attempt.
pub async fn image_result_apply(
    database: &Database,
    result: &ImageResult,
    cause: &Cause,
) -> Result<Applied, StorageError> {
    let lease = database.lease().await?;
    lease
        .transact(image_result_apply_in_txn(lease.connection(), result, cause))
        .await
}

/// As [`image_result_apply`], inside a transaction of the caller.
pub(crate) async fn image_result_apply_in_txn(
    connection: &AsyncPgConnection,
    result: &ImageResult,
    cause: &Cause,
) -> Result<End<Applied>, StorageError> {
    let target = Target::of(result);
    let Some(mut locked) = product_lock_in_txn(connection, target.product_id).await? else {
        purge_write_in_txn(connection, result, None, None, cause).await?;
        return Ok(End::Commit(Applied::Gone));
    };
    let account_id = locked.account_id;
    let Some(image) = locked.image(target.image_id) else {
        purge_write_in_txn(connection, result, Some(account_id), None, cause).await?;
        return Ok(End::Commit(Applied::Gone));
    };
    let mut entries = Vec::new();
    match (image.bearing_of(target.generation), result) {
        (Bearing::Past, _) => {
            // Nothing will ever show what it stored.
            let generation = Some(target.generation);
            purge_write_in_txn(connection, result, Some(account_id), generation, cause).await?;
            return Ok(End::Commit(Applied::Unchanged));
        }
        (Bearing::Unknown, _) => return Ok(End::Rollback(Applied::Unchanged)),
        (Bearing::Current, _) if !target.is_news_for(image) => return Ok(End::Rollback(Applied::Unchanged)),
        (Bearing::Current, _) => {}
        (Bearing::Coming, ImageResult::Started(_)) => {
            reprocess_hear_in_txn(connection, account_id, target.image_id).await?;
            return Ok(End::Commit(Applied::Unchanged));
        }
        (Bearing::Coming, ImageResult::Failed(body)) => {
            reprocess_fail_in_txn(connection, account_id, body, cause).await?;
            return Ok(End::Commit(Applied::NotReprocessed));
        }
        (Bearing::Coming, ImageResult::Processed(_)) => {
            let shown = image.generation;
            let purge = purge_later(account_id, target.image_id, shown, cause)?;
            entries.push(purge.held_back(GRACE));
        }
    }
    let was_unfinished = !image.status.is_ended();
    image.status = target.status;
    let version = locked.next_version();
    let news = news(result, &locked, was_unfinished);
    let change = Change::of_product(event(result), account_id, target.product_id, version);
    let change = change.about(target.image_id);
    entries.push(OutboxEntry::change(&change)?);
    let (written, touched, inserted, told) = join4(
        image_write_in_txn(connection, account_id, result, &target),
        product_touch_in_txn(connection, &locked),
        outbox_insert_in_txn(connection, &entries),
        webhook_news_insert_in_txn(connection, account_id, &news),
    )
    .await;
    written?;
    let updated_at = touched?;
    inserted?;
    told?;
    Ok(End::Commit(Applied::Changed(change.at(updated_at))))
}

/// What a result is to those who watch.
const fn event(result: &ImageResult) -> ChangeEvent {
    match result {
        ImageResult::Started(_) => ChangeEvent::ImageProcessing,
        ImageResult::Processed(_) => ChangeEvent::ImageReady,
        ImageResult::Failed(_) => ChangeEvent::ImageFailed,
    }
}

/// What a result that changes its image is to others: the end of the image, and of all images of the product where it
/// was the last that was awaited.
fn news(result: &ImageResult, locked: &Locked, was_unfinished: bool) -> Vec<WebhookNews> {
    let (product, version) = (locked.product_id, locked.next_version());
    let ended = match result {
        ImageResult::Started(_) => return Vec::new(),
        ImageResult::Processed(body) => WebhookNews::image_ready(body.image_id, product, version),
        ImageResult::Failed(body) => WebhookNews::image_failed(body.image_id, product, version, &body.error),
    };
    let mut news = vec![ended];
    if was_unfinished && locked.images.iter().all(|image| image.status.is_ended()) {
        let status = ImagesStatus::of(locked.images.iter().map(|image| image.status));
        news.push(WebhookNews::images_completed(product, version, status));
    }
    news
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
                images::generation.eq(body.generation),
                images::animated.eq(body.animated),
                body.original_key
                    .as_deref()
                    .map(|key| images::original_key.eq(key)),
                images::made_at.eq(diesel::dsl::now.into_sql::<Timestamptz>().nullable()),
                images::reprocess_silent_since.eq(None::<DateTime<Utc>>),
                images::reprocess_asks.eq(0),
                images::reprocess_error.eq(None::<String>),
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

/// Asks for the objects to be deleted that a worker has left behind: all of the image, or those of one generation.
/// Whoever succeeded has stored some, and whoever failed may have, before the rest could not be; who has only begun
/// tells again how it ends.
async fn purge_write_in_txn(
    connection: &AsyncPgConnection,
    result: &ImageResult,
    account: Option<AccountId>,
    generation: Option<i32>,
    cause: &Cause,
) -> Result<(), StorageError> {
    if matches!(result, ImageResult::Started(_)) {
        return Ok(());
    }
    let job = Job::Purge(ImagePurgeV1 {
        image_id: result.image_id(),
        generation,
    });
    outbox_insert_in_txn(connection, &[OutboxEntry::new(account, &job, cause)?]).await?;
    Ok(())
}
