//! Creating a product, with its images, their jobs and the answer to the request, in one transaction.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{Product, WebhookEvent, product::NewProduct};
use futures_util::future::join5;
use messages::{ImageProcessV1, ImageSource, Job};

use crate::{
    database::Database,
    error::StorageError,
    idempotency::{Claimed, IdempotencyClaim, StoredAnswer, answer_store_in_txn, key_claim_in_txn},
    images::images_insert_in_txn,
    lease::End,
    once::Once,
    outbox_write::{Cause, OutboxEntry, outbox_insert_in_txn},
    products::{product_insert_in_txn, product_new},
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// What came of creating a product, or whatever else `T` is.
pub type Created<T = Product> = Once<T>;

/// Creates a product with its images (`pending`, generation 1) and one job for each. With a `claim`, the answer that
/// `answer` makes of the product is stored for whoever repeats the request.
///
/// # Errors
/// [`StorageError::DuplicateSku`], and whatever else [`StorageError`] names. Nothing stays of what failed.
pub async fn product_create(
    database: &Database,
    new: &NewProduct,
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(&Product) -> StoredAnswer,
) -> Result<Created, StorageError> {
    let jobs = jobs(new, cause)?;
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let Some(claim) = claim else {
                let created_at = product_write_in_txn(connection, new, &jobs, async { Ok(()) }).await?;
                return Ok(End::Commit(Created::Fresh(product_new(new, created_at))));
            };
            match key_claim_in_txn(connection, claim, database.statement_timeout()).await? {
                Claimed::Fresh { now } => {
                    // The time of the transaction is the default of the column, so the answer is known beforehand.
                    let product = product_new(new, now);
                    let answer = answer(&product);
                    let stored = answer_store_in_txn(connection, claim, &answer);
                    product_write_in_txn(connection, new, &jobs, stored).await?;
                    Ok(End::Commit(Created::Fresh(product)))
                }
                Claimed::Answered(answer) => Ok(End::Rollback(Created::Replayed(answer))),
                Claimed::Reused => Ok(End::Rollback(Created::KeyReused)),
                Claimed::InUse => Ok(End::Rollback(Created::KeyInUse)),
            }
        })
        .await
}

/// Writes all rows of a new product; none depends on the answer to another, so all statements travel together.
async fn product_write_in_txn(
    connection: &AsyncPgConnection,
    new: &NewProduct,
    jobs: &[OutboxEntry],
    stored: impl Future<Output = Result<(), StorageError>>,
) -> Result<DateTime<Utc>, StorageError> {
    let news = WebhookNews::of_product(WebhookEvent::ProductCreated, new.id, 1);
    let (created_at, images, jobs, told, stored) = join5(
        product_insert_in_txn(connection, new),
        images_insert_in_txn(connection, &[new]),
        outbox_insert_in_txn(connection, jobs),
        webhook_news_insert_in_txn(connection, new.account_id, std::slice::from_ref(&news)),
        stored,
    )
    .await;
    // After the first failure the server refuses every other statement: the first one tells why.
    let created_at = created_at?;
    images?;
    jobs?;
    told?;
    stored?;
    Ok(created_at)
}

/// One job for each picture of a new product.
pub(crate) fn jobs(new: &NewProduct, cause: &Cause) -> Result<Vec<OutboxEntry>, StorageError> {
    new.images
        .iter()
        .map(|image| {
            let job = Job::Process(ImageProcessV1 {
                account_id: new.account_id,
                product_id: new.id,
                image_id: image.id,
                generation: 1,
                source: ImageSource::Url {
                    url: image.source_url.clone(),
                },
            });
            OutboxEntry::new(Some(new.account_id), &job, cause)
        })
        .collect()
}
