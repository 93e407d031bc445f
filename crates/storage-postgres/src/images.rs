//! The table `images`.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, sql_query,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Record, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{Image, ImageError, ImageId, ImageStatus, NewImage, ProductId, product::NewProduct};
use serde_json::Value;
use uuid::Uuid;

use crate::{error::StorageError, expression::Prepared};

/// All pictures of new products in one statement; `outbox_write` says why the columns travel as arrays.
const INSERT: &str = "INSERT INTO images (id, account_id, product_id, position, alt, source_url, status) \
    SELECT id, account_id, product_id, position, alt, source_url, 'pending' \
    FROM unnest($1, $2, $3, $4, $5, $6) AS image (id, account_id, product_id, position, alt, source_url)";

/// The SQL types of [`ImageRow`].
pub(crate) type ImageSql = Record<(
    SqlUuid,
    SqlUuid,
    Integer,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Integer,
    Integer,
    Nullable<Integer>,
    Nullable<Integer>,
    Nullable<Text>,
    Nullable<BigInt>,
    Bool,
    Nullable<Jsonb>,
    Jsonb,
    Nullable<Text>,
    Nullable<Text>,
    Timestamptz,
    Timestamptz,
)>;

/// An image as `images_of_product` selects it.
pub(crate) type ImageRow = (
    Uuid,
    Uuid,
    i32,
    Option<String>,
    Option<String>,
    String,
    i32,
    i32,
    Option<i32>,
    Option<i32>,
    Option<String>,
    Option<i64>,
    bool,
    Option<Value>,
    Value,
    Option<String>,
    Option<String>,
    DateTime<Utc>,
    DateTime<Utc>,
);

/// The images of the product in the row around this expression, as one array. So a product and its images are of the
/// same moment, and one question fetches both.
macro_rules! images_of_product {
    () => {
        diesel::dsl::array::<$crate::images::ImageSql, _>(
            images::table
                .filter(images::product_id.eq(products::id))
                .filter(images::account_id.eq(products::account_id))
                .order(images::position.asc())
                .select(
                    (
                        images::id,
                        images::product_id,
                        images::position,
                        images::alt,
                        images::source_url,
                        images::status,
                        images::generation,
                        images::attempts,
                        images::width,
                        images::height,
                        images::format,
                        images::bytes,
                        images::animated,
                        images::placeholder,
                        images::variants,
                        images::error_code,
                        images::error_detail,
                        images::created_at,
                        images::updated_at,
                    )
                        .into_sql::<$crate::images::ImageSql>(),
                ),
        )
    };
}
pub(crate) use images_of_product;

/// Reads an image.
pub(crate) fn image_from_row(row: ImageRow) -> Result<Image, StorageError> {
    let (
        id,
        product_id,
        position,
        alt,
        source_url,
        status,
        generation,
        attempts,
        width,
        height,
        format,
        bytes,
        animated,
        placeholder,
        variants,
        error_code,
        error_detail,
        created_at,
        updated_at,
    ) = row;
    let error = match error_code {
        Some(code) => Some(ImageError {
            code: word("images.error_code", &code)?,
            detail: error_detail.unwrap_or_default(),
        }),
        None => None,
    };
    let json = |error| StorageError::value("images.placeholder or images.variants", error);
    Ok(Image {
        id: id.into(),
        product_id: product_id.into(),
        position,
        alt,
        source_url,
        status: word("images.status", &status)?,
        generation,
        attempts,
        width,
        height,
        format: format.map(|format| word("images.format", &format)).transpose()?,
        bytes,
        animated,
        placeholder: placeholder
            .map(serde_json::from_value)
            .transpose()
            .map_err(json)?,
        variants: serde_json::from_value(variants).map_err(json)?,
        error,
        created_at,
        updated_at,
    })
}

/// Reads a word of a fixed vocabulary.
pub(crate) fn word<T>(what: &'static str, word: &str) -> Result<T, StorageError>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    word.parse().map_err(|error| StorageError::value(what, error))
}

/// What a picture is that was just named by a caller.
pub(crate) fn image_new(
    product: &NewProduct,
    position: i32,
    image: &NewImage,
    created_at: DateTime<Utc>,
) -> Image {
    let (alt, source_url) = (image.alt.clone(), Some(image.source_url.clone()));
    image_pending(product.id, image.id, position, alt, source_url, created_at)
}

/// What a picture is that nobody has begun with.
pub(crate) fn image_pending(
    product_id: ProductId,
    id: ImageId,
    position: i32,
    alt: Option<String>,
    source_url: Option<String>,
    created_at: DateTime<Utc>,
) -> Image {
    Image {
        id,
        product_id,
        position,
        alt,
        source_url,
        status: ImageStatus::Pending,
        generation: 1,
        attempts: 0,
        width: None,
        height: None,
        format: None,
        bytes: None,
        animated: false,
        placeholder: None,
        variants: Vec::new(),
        error: None,
        created_at,
        updated_at: created_at,
    }
}

/// Inserts the pictures of new products, each in their order.
pub(crate) async fn images_insert_in_txn(
    connection: &AsyncPgConnection,
    products: &[&NewProduct],
) -> QueryResult<()> {
    let places = || {
        products
            .iter()
            .flat_map(|product| (0_i32..).zip(&product.images).map(move |place| (product, place)))
    };
    let ids: Vec<_> = places().map(|(_, (_, image))| image.id.uuid()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let accounts: Vec<_> = places().map(|(product, _)| product.account_id.uuid()).collect();
    let owners: Vec<_> = places().map(|(product, _)| product.id.uuid()).collect();
    let positions: Vec<_> = places().map(|(_, (position, _))| position).collect();
    let alts: Vec<_> = places().map(|(_, (_, image))| image.alt.as_deref()).collect();
    let sources: Vec<_> = places()
        .map(|(_, (_, image))| image.source_url.as_str())
        .collect();
    let insert = sql_query(INSERT)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<SqlUuid>, _>(accounts)
        .bind::<Array<SqlUuid>, _>(owners)
        .bind::<Array<Integer>, _>(positions)
        .bind::<Array<Nullable<Text>>, _>(alts)
        .bind::<Array<Text>, _>(sources);
    Prepared(insert).execute(&mut &*connection).await?;
    Ok(())
}
