//! Changes to the pictures of a product by its owner, under the lock of the product.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, QueryResult, sql_query,
    sql_types::{Array, Integer, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Image, ImageId, Product, ProductId, WebhookEvent};
use futures_util::future::{join, join4, join5};
use uuid::Uuid;

use crate::{
    error::StorageError,
    expression::Prepared,
    idempotency::{Claimed, IdempotencyClaim, StoredAnswer, answer_store_in_txn, key_claim_in_txn},
    outbox_write::{OutboxEntry, outbox_insert_in_txn},
    products::product_find,
    schema::products,
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// What came of a request that adds a picture, or has one tried again; `R` is the reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePosted<R> {
    /// The product, as it is now.
    Fresh(Product),
    /// The key was used before, for the same request; this was the answer then.
    Replayed(StoredAnswer),
    /// The key was used before, for another request.
    KeyReused,
    /// The first request with this key is still running, and was waited for long enough.
    KeyInUse,
    /// The account has no such product, or the product no such picture.
    NotFound,
    /// It cannot be done as things are.
    Refused(R),
}

/// Positions are told apart at the end of the transaction, so that its statements may come in any order.
const DEFER: &str = "SET CONSTRAINTS images_product_id_position_key DEFERRED";

const PLACE: &str = "UPDATE images SET position = placed.position, updated_at = greatest(now(), images.updated_at) \
    FROM unnest($1, $2) AS placed (id, position) WHERE images.id = placed.id AND images.account_id = $3";

/// Locks a product of the account, so that nobody else changes it or its pictures, and reads it as it is under the
/// lock, with the time of the transaction.
pub(crate) async fn product_hold_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: ProductId,
) -> Result<Option<(Product, DateTime<Utc>)>, StorageError> {
    // The statement after the lock sees what was committed while it was waited for.
    let lock = products::table
        .filter(products::id.eq(id.uuid()))
        .filter(products::account_id.eq(account.uuid()))
        .select(products::id)
        .for_no_key_update()
        .first::<Uuid>(&mut &*connection);
    let now = diesel::select(diesel::dsl::now.into_sql::<Timestamptz>());
    let (locked, found, deferred, now) = join4(
        lock,
        product_find(connection, account, id),
        Prepared(sql_query(DEFER)).execute(&mut &*connection),
        now.get_result::<DateTime<Utc>>(&mut &*connection),
    )
    .await;
    if locked.optional()?.is_none() {
        return Ok(None);
    }
    let found = found?;
    deferred?;
    let now = now?;
    Ok(found.map(|product| (product, now)))
}

/// How a request ends that came before with the same key; none where it is the first, or has no key.
pub(crate) async fn posted_before_in_txn<R>(
    connection: &AsyncPgConnection,
    claim: Option<&IdempotencyClaim>,
    statement_timeout: Duration,
) -> Result<Option<ImagePosted<R>>, StorageError> {
    let Some(claim) = claim else { return Ok(None) };
    Ok(
        match key_claim_in_txn(connection, claim, statement_timeout).await? {
            Claimed::Fresh { .. } => None,
            Claimed::Answered(answer) => Some(ImagePosted::Replayed(answer)),
            Claimed::Reused => Some(ImagePosted::KeyReused),
            Claimed::InUse => Some(ImagePosted::KeyInUse),
        },
    )
}

/// A product whose pictures change.
pub(crate) struct ImagesChange {
    /// The product as it will be.
    pub(crate) after: Product,
    /// The pictures that were there before and get another place.
    moved: Vec<(ImageId, i32)>,
    /// True where all that are left have ended, and before that one had not.
    completes: bool,
}

impl ImagesChange {
    /// Gives a product its next version, and its pictures what `change` makes of them.
    pub(crate) fn of(before: &Product, now: DateTime<Utc>, change: impl FnOnce(&mut Vec<Image>)) -> Self {
        let mut images = before.images.clone();
        change(&mut images);
        let mut moved = Vec::new();
        for image in &mut images {
            let was = before.images.iter().find(|was| was.id == image.id);
            if was.is_some_and(|was| was.position != image.position) {
                image.updated_at = image.updated_at.max(now);
                moved.push((image.id, image.position));
            }
        }
        let have_ended = |images: &[Image]| images.iter().all(|image| image.status.is_ended());
        let completes = !images.is_empty() && have_ended(&images) && !have_ended(&before.images);
        let after = Product {
            version: before.version + 1,
            updated_at: before.updated_at.max(now),
            images,
            ..before.clone()
        };
        Self {
            after,
            moved,
            completes,
        }
    }

    /// Writes all that such a change is: its `own` statement, the places of the others, the product's row, messages, the
    /// invalidation, news, and the answer to a request that may be repeated. All statements travel together.
    pub(crate) async fn write_in_txn(
        &self,
        connection: &AsyncPgConnection,
        mut entries: Vec<OutboxEntry>,
        own: impl Future<Output = QueryResult<()>>,
        stored: Option<(&IdempotencyClaim, StoredAnswer)>,
    ) -> Result<(), StorageError> {
        let after = &self.after;
        let (account, id, version) = (after.account_id, after.id, after.version);
        entries.push(OutboxEntry::invalidation(account, id, version)?);
        let mut news = vec![WebhookNews::of_product(WebhookEvent::ProductUpdated, id, version)];
        if self.completes {
            news.push(WebhookNews::images_completed(id, version, after.images_status()));
        }
        let answered = async {
            match &stored {
                Some((claim, answer)) => answer_store_in_txn(connection, claim, answer).await,
                None => Ok(()),
            }
        };
        let (own, rows, inserted, told, answered) = join5(
            own,
            join(
                images_place_in_txn(connection, account, &self.moved),
                product_write_in_txn(connection, after),
            ),
            outbox_insert_in_txn(connection, &entries),
            webhook_news_insert_in_txn(connection, account, &news),
            answered,
        )
        .await;
        // After the first failure the server refuses every other statement: the first one tells why.
        own?;
        rows.0?;
        rows.1?;
        inserted?;
        told?;
        answered
    }
}

async fn images_place_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    moved: &[(ImageId, i32)],
) -> QueryResult<()> {
    if moved.is_empty() {
        return Ok(());
    }
    let (ids, positions): (Vec<Uuid>, Vec<i32>) =
        moved.iter().map(|(id, position)| (id.uuid(), *position)).unzip();
    let update = sql_query(PLACE)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Integer>, _>(positions)
        .bind::<SqlUuid, _>(account.uuid());
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}

async fn product_write_in_txn(connection: &AsyncPgConnection, after: &Product) -> QueryResult<()> {
    let row = products::table
        .filter(products::id.eq(after.id.uuid()))
        .filter(products::account_id.eq(after.account_id.uuid()));
    let update = diesel::update(row).set((
        products::images_status.eq(after.images_status().as_str()),
        products::version.eq(after.version),
        products::updated_at.eq(after.updated_at),
    ));
    Prepared(update).execute(&mut &*connection).await?;
    Ok(())
}
