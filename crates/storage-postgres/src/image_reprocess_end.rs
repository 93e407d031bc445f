//! How making a ready image again goes on: it is heard of, it fails, or it is asked for once more. Nothing of this is
//! shown.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, NullableExpressionMethods as _, QueryDsl as _, QueryableByName,
    sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageErrorCode, ImageId, ProductId};
use futures_util::future::join;
use messages::{ImageFailedV1, ImageProcessV1, ImagePurgeV1, ImageSource, Job, Work};
use uuid::Uuid;

use crate::{
    error::StorageError,
    expression::Prepared,
    image_restart::source_of,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    schema::images,
};

/// A generation of a ready image that is to be made.
pub(crate) struct Reprocess {
    pub(crate) account_id: AccountId,
    pub(crate) product_id: ProductId,
    pub(crate) image_id: ImageId,
    pub(crate) generation: i32,
    pub(crate) source: ImageSource,
}

impl Reprocess {
    /// Its job, which waits for all others.
    pub(crate) fn job(self, cause: &Cause) -> Result<OutboxEntry, StorageError> {
        let account = Some(self.account_id);
        let job = Job::Process(ImageProcessV1 {
            account_id: self.account_id,
            product_id: self.product_id,
            image_id: self.image_id,
            generation: self.generation,
            source: self.source,
        });
        OutboxEntry::to(Work::Backfill, account, &job, cause)
    }
}

/// A ready image of which a generation is asked for, and how often it has been.
#[derive(QueryableByName)]
pub(crate) struct ReprocessRow {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub(crate) account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub(crate) product_id: Uuid,
    #[diesel(sql_type = Integer)]
    pub(crate) generation: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) asks: i32,
    #[diesel(sql_type = Nullable<Text>)]
    source_url: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    source_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    original_key: Option<String>,
}

impl ReprocessRow {
    /// The job of its generation, from the kept original if there is one.
    pub(crate) fn job(self) -> Result<OutboxEntry, StorageError> {
        let ask = Reprocess {
            account_id: self.account_id.into(),
            product_id: self.product_id.into(),
            image_id: self.id.into(),
            generation: self.generation,
            source: source_of(self.source_url, self.original_key.or(self.source_key))?,
        };
        ask.job(&Cause::default())
    }
}

/// So long stay the variants that were shown before: open pages and copies of answers still name them.
pub(crate) const GRACE: Duration = Duration::from_mins(10);

/// Deletes a generation when there is nothing better to do.
pub(crate) fn purge_later(
    account: AccountId,
    image_id: ImageId,
    generation: i32,
    cause: &Cause,
) -> Result<OutboxEntry, StorageError> {
    let purge = Job::Purge(ImagePurgeV1 {
        image_id,
        generation: Some(generation),
    });
    OutboxEntry::to(Work::Backfill, Some(account), &purge, cause)
}

macro_rules! image_row {
    ($account:expr, $id:expr) => {
        images::table
            .filter(images::id.eq($id.uuid()))
            .filter(images::account_id.eq($account.uuid()))
    };
}

/// Notes that a worker is at it.
pub(crate) async fn reprocess_hear_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: ImageId,
) -> Result<(), StorageError> {
    let now = diesel::dsl::now.into_sql::<Timestamptz>();
    let update =
        diesel::update(image_row!(account, id)).set(images::reprocess_silent_since.eq(now.nullable()));
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}

/// Notes that the image stays as it was, and deletes what may have been stored. Where the file that was kept of it is
/// gone, the next time begins at its address again.
pub(crate) async fn reprocess_fail_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    failure: &ImageFailedV1,
    cause: &Cause,
) -> Result<(), StorageError> {
    let update = diesel::update(image_row!(account, failure.image_id)).set((
        images::reprocess_silent_since.eq(None::<DateTime<Utc>>),
        images::reprocess_asks.eq(0),
        images::reprocess_error.eq(failure.error.code.as_str()),
    ));
    let update = Prepared(update);
    let purge = [purge_later(account, failure.image_id, failure.generation, cause)?];
    let written = update.execute(&mut &*connection);
    let (written, inserted) = join(written, outbox_insert_in_txn(connection, &purge)).await;
    written?;
    inserted?;
    if failure.error.code == ImageErrorCode::DownloadFailed {
        let row = image_row!(account, failure.image_id)
            .filter(images::source_url.is_not_null())
            .filter(images::source_key.is_null())
            .filter(images::original_key.is_not_null());
        let forget = diesel::update(row).set(images::original_key.eq(None::<String>));
        Prepared(forget).execute(&mut &*connection).await?;
    }
    Ok(())
}

/// Asks for the generation after one that was not made, and deletes what may be stored of that.
pub(crate) async fn reprocess_again_in_txn(
    connection: &AsyncPgConnection,
    ask: Reprocess,
    cause: &Cause,
) -> Result<(), StorageError> {
    let now = diesel::dsl::now.into_sql::<Timestamptz>();
    let update = diesel::update(image_row!(ask.account_id, ask.image_id)).set((
        images::reprocess_generation.eq(ask.generation),
        images::reprocess_silent_since.eq(now.nullable()),
        images::reprocess_asks.eq(0),
        images::reprocess_error.eq(None::<String>),
    ));
    let update = Prepared(update);
    let purge = purge_later(ask.account_id, ask.image_id, ask.generation - 1, cause)?;
    let entries = [ask.job(cause)?, purge];
    let written = update.execute(&mut &*connection);
    let (written, inserted) = join(written, outbox_insert_in_txn(connection, &entries)).await;
    written?;
    inserted?;
    Ok(())
}
