//! Creating many products at once, each of which may be refused without harm to the others.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName, sql_query,
    sql_types::{Array, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, Product, WebhookEvent, product::NewProduct};
use futures_util::future::join4;
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    expression::Prepared,
    idempotency::{IdempotencyClaim, StoredAnswer, answer_store_in_txn},
    images::images_insert_in_txn,
    lease::End,
    once::answered_before_in_txn,
    outbox_write::{Cause, outbox_insert_in_txn},
    product_create::{Created, jobs},
    products::{images_status_new, metadata_json, product_new},
    webhook_events::{WebhookNews, webhook_news_insert_in_txn},
};

/// A sku that is taken costs its own row only, and of two rows with one sku the first stays. Every batch takes skus in
/// one order, so that two with the same skus wait for each other once, and never in a circle.
const INSERT: &str = "INSERT INTO products \
        (id, account_id, sku, name, description, price_amount, price_currency, status, metadata, images_status) \
    SELECT id, $1, sku, name, description, price_amount, price_currency, status, metadata, images_status \
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY AS product \
        (id, sku, name, description, price_amount, price_currency, status, metadata, images_status, place) \
    ORDER BY sku COLLATE \"C\", place \
    ON CONFLICT (account_id, sku) WHERE sku IS NOT NULL DO NOTHING \
    RETURNING id, created_at";

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Creates products of one account, each with its images (`pending`, generation 1) and their jobs, in one transaction
/// and in as many round trips whatever their number is.
///
/// `answer` is given what was created, in the order of `new`; nothing where the sku is taken, by a product that was there
/// or by one before it in `new`. With a `claim`, what it makes of them is stored for whoever repeats the request.
///
/// # Errors
/// See [`StorageError`]. Nothing stays of what failed.
pub async fn products_create(
    database: &Database,
    account: AccountId,
    new: &[NewProduct],
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: impl FnOnce(Vec<Option<Product>>) -> StoredAnswer,
) -> Result<Created<StoredAnswer>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            if let Some(end) = answered_before_in_txn(connection, claim, database.statement_timeout()).await?
            {
                return Ok(End::Rollback(end));
            }
            let inserted = products_insert_in_txn(connection, account, new).await?;
            let created: Vec<&NewProduct> = new
                .iter()
                .filter(|product| inserted.contains_key(&product.id.uuid()))
                .collect();
            let products = new.iter().map(|product| {
                let created_at = inserted.get(&product.id.uuid());
                created_at.map(|created_at| product_new(product, *created_at))
            });
            let answer = answer(products.collect());
            children_write_in_txn(connection, account, &created, cause, claim, &answer).await?;
            Ok(End::Commit(Created::Fresh(answer)))
        })
        .await
}

/// Inserts products without their images, and says which are there now, and since when.
async fn products_insert_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    new: &[NewProduct],
) -> QueryResult<HashMap<Uuid, DateTime<Utc>>> {
    if new.is_empty() {
        return Ok(HashMap::new());
    }
    let drafts = || new.iter().map(|product| &product.draft);
    let ids: Vec<_> = new.iter().map(|product| product.id.uuid()).collect();
    let amounts: Vec<_> = drafts().map(|draft| draft.price.amount()).collect();
    let currencies: Vec<_> = drafts().map(|draft| draft.price.currency().code()).collect();
    let images: Vec<_> = new
        .iter()
        .map(|product| images_status_new(product).as_str())
        .collect();
    let insert = sql_query(INSERT)
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Nullable<Text>>, _>(drafts().map(|draft| draft.sku.as_deref()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(drafts().map(|draft| draft.name.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(
            drafts()
                .map(|draft| draft.description.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind::<Array<Numeric>, _>(amounts)
        .bind::<Array<Text>, _>(currencies)
        .bind::<Array<Text>, _>(drafts().map(|draft| draft.status.as_str()).collect::<Vec<_>>())
        .bind::<Array<Jsonb>, _>(
            drafts()
                .map(|draft| metadata_json(&draft.metadata))
                .collect::<Vec<_>>(),
        )
        .bind::<Array<Text>, _>(images);
    let inserted: Vec<Inserted> = Prepared(insert).load(&mut &*connection).await?;
    Ok(inserted.into_iter().map(|row| (row.id, row.created_at)).collect())
}

/// Writes what goes with products that are there now; none of it depends on another, so all statements travel together.
async fn children_write_in_txn(
    connection: &AsyncPgConnection,
    account: AccountId,
    created: &[&NewProduct],
    cause: &Cause,
    claim: Option<&IdempotencyClaim>,
    answer: &StoredAnswer,
) -> Result<(), StorageError> {
    let jobs = created.iter().map(|product| jobs(product, cause));
    let jobs: Vec<_> = jobs
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect();
    let news: Vec<_> = created
        .iter()
        .map(|product| WebhookNews::of_product(WebhookEvent::ProductCreated, product.id, 1))
        .collect();
    let store = async {
        match claim {
            Some(claim) => answer_store_in_txn(connection, claim, answer).await,
            None => Ok(()),
        }
    };
    let (images, jobs, told, stored) = join4(
        images_insert_in_txn(connection, created),
        outbox_insert_in_txn(connection, &jobs),
        webhook_news_insert_in_txn(connection, account, &news),
        store,
    )
    .await;
    // After the first failure the server refuses every other statement: the first one tells why.
    images?;
    jobs?;
    told?;
    stored
}
