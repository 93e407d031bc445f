//! How far the images of a product are, under the lock of the product.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ImageId, ImageStatus, ImagesStatus, ProductId};
use futures_util::future::join;
use uuid::Uuid;

use crate::{
    error::StorageError,
    expression::{Prepared, greatest},
    images::word,
    schema::{images, products},
};

/// How far an image is.
pub(crate) struct Standing {
    pub(crate) id: ImageId,
    pub(crate) status: ImageStatus,
    pub(crate) generation: i32,
    pub(crate) attempts: i32,
    /// The latest generation that was asked for while it was ready.
    pub(crate) reprocess_generation: Option<i32>,
    /// True while nobody has told how that one ended.
    pub(crate) is_reprocessed: bool,
}

/// What a generation is to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bearing {
    /// It is the one that is shown or, before the image is ready, awaited.
    Current,
    /// A ready image waits for it, and goes on showing the one before.
    Coming,
    /// Nothing will ever show it: a later one was asked for, or it was asked for and has failed.
    Past,
    /// It was never asked for.
    Unknown,
}

impl Standing {
    pub(crate) fn bearing_of(&self, generation: i32) -> Bearing {
        bearing(
            self.generation,
            self.reprocess_generation
                .filter(|_| self.status == ImageStatus::Ready),
            self.is_reprocessed,
            generation,
        )
    }
}

/// What `generation` is to an image at `current`, where `asked` was asked for since it was ready.
pub(crate) fn bearing(current: i32, asked: Option<i32>, is_under_way: bool, generation: i32) -> Bearing {
    match asked {
        _ if generation < current => Bearing::Past,
        _ if generation == current => Bearing::Current,
        Some(asked) if generation == asked && is_under_way => Bearing::Coming,
        Some(asked) if generation <= asked => Bearing::Past,
        _ => Bearing::Unknown,
    }
}

/// A product that nobody else changes meanwhile.
pub(crate) struct Locked {
    pub(crate) account_id: AccountId,
    pub(crate) product_id: ProductId,
    pub(crate) version: i64,
    pub(crate) images: Vec<Standing>,
}

impl Locked {
    pub(crate) fn image(&mut self, id: ImageId) -> Option<&mut Standing> {
        self.images.iter_mut().find(|image| image.id == id)
    }

    /// The version that it is of once it has been changed.
    pub(crate) const fn next_version(&self) -> i64 {
        self.version + 1
    }
}

/// Locks a product, and then reads its images as they are under the lock. Workers do not know the owner for certain,
/// so it is read here, and everything after this asks for it.
pub(crate) async fn product_lock_in_txn(
    connection: &AsyncPgConnection,
    id: ProductId,
) -> Result<Option<Locked>, StorageError> {
    let lock = products::table
        .filter(products::id.eq(id.uuid()))
        .select((products::account_id, products::version))
        .for_no_key_update()
        .first::<(Uuid, i64)>(&mut &*connection);
    let standings = images::table
        .filter(images::product_id.eq(id.uuid()))
        .select((
            images::id,
            images::status,
            images::generation,
            images::attempts,
            images::reprocess_generation,
            images::reprocess_silent_since.is_not_null(),
        ))
        .load::<(Uuid, String, i32, i32, Option<i32>, bool)>(&mut &*connection);
    let (locked, standings) = join(lock, standings).await;
    let Some((account_id, version)) = locked.optional()? else {
        return Ok(None);
    };
    let images = standings?
        .into_iter()
        .map(
            |(id, status, generation, attempts, reprocess_generation, is_reprocessed)| {
                Ok(Standing {
                    id: id.into(),
                    status: word("images.status", &status)?,
                    generation,
                    attempts,
                    reprocess_generation,
                    is_reprocessed,
                })
            },
        )
        .collect::<Result<_, StorageError>>()?;
    Ok(Some(Locked {
        account_id: account_id.into(),
        product_id: id,
        version,
        images,
    }))
}

/// Sums up the images of a product, as they stand in `locked`, gives it its next version, and says when.
pub(crate) async fn product_touch_in_txn(
    connection: &AsyncPgConnection,
    locked: &Locked,
) -> Result<DateTime<Utc>, StorageError> {
    let row = products::table
        .filter(products::id.eq(locked.product_id.uuid()))
        .filter(products::account_id.eq(locked.account_id.uuid()));
    let images_status = ImagesStatus::of(locked.images.iter().map(|image| image.status));
    let now = greatest(diesel::dsl::now.into_sql::<Timestamptz>(), products::updated_at);
    let update = diesel::update(row)
        .set((
            products::images_status.eq(images_status.as_str()),
            products::version.eq(locked.next_version()),
            products::updated_at.eq(now),
        ))
        .returning(products::updated_at);
    Ok(Prepared(update).get_result(&mut &*connection).await?)
}
