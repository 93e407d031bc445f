//! The table `products`.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, QueryResult, Queryable,
    Selectable, SelectableHelper as _, pg::Pg,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{
    AccountId, Currency, ImagesStatus, Metadata, Money, Product, ProductDraft, ProductId, product::NewProduct,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    images::{ImageRow, image_from_row, image_new, images_of_product, word},
    schema::{images, products},
};

/// Fetches a product with its images, all of one moment.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_get(
    database: &Database,
    account: AccountId,
    id: ProductId,
) -> Result<Option<Product>, StorageError> {
    let lease = database.lease().await?;
    lease.run(product_find(lease.connection(), account, id)).await
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(Pg))]
pub(crate) struct ProductRow {
    id: Uuid,
    account_id: Uuid,
    sku: Option<String>,
    name: String,
    description: Option<String>,
    price_amount: BigDecimal,
    price_currency: String,
    status: String,
    metadata: Value,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub(crate) fn product_from_row(row: ProductRow, images: Vec<ImageRow>) -> Result<Product, StorageError> {
    let currency: Currency = word("products.price_currency", &row.price_currency)?;
    let metadata: Metadata = serde_json::from_value(row.metadata)
        .map_err(|error| StorageError::value("products.metadata", error))?;
    Ok(Product {
        id: row.id.into(),
        account_id: row.account_id.into(),
        draft: ProductDraft {
            name: row.name,
            sku: row.sku,
            description: row.description,
            price: Money::from_stored(&row.price_amount, currency),
            status: word("products.status", &row.status)?,
            metadata,
        },
        images: images.into_iter().map(image_from_row).collect::<Result<_, _>>()?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Reads a product with its images.
pub(crate) async fn product_find(
    connection: &AsyncPgConnection,
    account: AccountId,
    id: ProductId,
) -> Result<Option<Product>, StorageError> {
    let found: Option<(ProductRow, Vec<ImageRow>)> = products::table
        .filter(products::id.eq(id.uuid()))
        .filter(products::account_id.eq(account.uuid()))
        .select((ProductRow::as_select(), images_of_product!()))
        .first(&mut &*connection)
        .await
        .optional()?;
    found
        .map(|(row, images)| product_from_row(row, images))
        .transpose()
}

/// What a product is that was just created.
pub(crate) fn product_new(new: &NewProduct, created_at: DateTime<Utc>) -> Product {
    let images = (0..).zip(&new.images);
    Product {
        id: new.id,
        account_id: new.account_id,
        draft: new.draft.clone(),
        images: images
            .map(|(position, image)| image_new(new, position, image, created_at))
            .collect(),
        version: 1,
        created_at,
        updated_at: created_at,
    }
}

/// How the pictures of a new product are, taken together.
pub(crate) fn images_status_new(new: &NewProduct) -> ImagesStatus {
    if new.images.is_empty() {
        ImagesStatus::None
    } else {
        ImagesStatus::Pending
    }
}

/// Inserts a product without its images, and says when.
pub(crate) async fn product_insert_in_txn(
    connection: &AsyncPgConnection,
    new: &NewProduct,
) -> QueryResult<DateTime<Utc>> {
    let draft = &new.draft;
    diesel::insert_into(products::table)
        .values((
            products::id.eq(new.id.uuid()),
            products::account_id.eq(new.account_id.uuid()),
            products::sku.eq(draft.sku.as_deref()),
            products::name.eq(draft.name.as_str()),
            products::description.eq(draft.description.as_deref()),
            products::price_amount.eq(draft.price.amount()),
            products::price_currency.eq(draft.price.currency().code()),
            products::status.eq(draft.status.as_str()),
            products::metadata.eq(metadata_json(&draft.metadata)),
            products::images_status.eq(images_status_new(new).as_str()),
        ))
        .returning(products::created_at)
        .get_result(&mut &*connection)
        .await
}

pub(crate) fn metadata_json(metadata: &Metadata) -> Value {
    metadata
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect()
}
