//! Pages of products, by filter and order.

use diesel::{
    ExpressionMethods as _, IntoSql as _, QueryDsl as _, SelectableHelper as _, TextExpressionMethods as _,
    pg::Pg,
    sql_types::{Float, Nullable, Numeric, Record, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{
    AccountId, Product,
    filter::{Page, PageRequest, Position, ProductFilter, Sort, SortKey, SortValue},
};
use futures_util::future::join;

use crate::{
    database::Database,
    error::StorageError,
    expression::{Matches, Rank, Words, lower},
    images::{ImageRow, images_of_product},
    products::{ProductRow, product_from_row},
    schema::{images, products},
};

/// Fetches one page of an account's products, with their images; all of one moment.
///
/// Ties in the order are broken by the identifier, in the same direction, and a page begins after a *position* and not
/// after a number of rows: no product is skipped or repeated because others come or go. Prices are compared within the
/// currency of the filter only: without one, `min_price` and `max_price` are not looked at.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_list(
    database: &Database,
    account: AccountId,
    request: &PageRequest,
) -> Result<Page, StorageError> {
    if holds_nul(&request.filter) {
        // No text in the database holds this character, and the database would refuse the question.
        return Ok(Page {
            products: Vec::new(),
            next: None,
            total: request.include_total.then_some(0),
        });
    }
    let lease = database.lease().await?;
    let connection = lease.connection();
    let (page, total) = lease
        .run(async {
            let (page, total) = join(
                page_load(connection, account, request),
                total_load(connection, account, request),
            )
            .await;
            Ok((page?, total?))
        })
        .await?;
    let (products, next) = page;
    Ok(Page {
        products,
        next,
        total,
    })
}

type Filtered<'a> = products::BoxedQuery<'a, Pg>;

async fn page_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    request: &PageRequest,
) -> Result<(Vec<Product>, Option<Position>), StorageError> {
    let rank = Rank::new(request.filter.words.as_deref());
    let limit = usize::from(request.limit);
    let mut query = filtered(account, &request.filter);
    if let Some(position) = &request.after {
        query = after(query, request, position)?;
    }
    // One more than is shown tells whether there is another page.
    let mut rows: Vec<(ProductRow, Vec<ImageRow>, Option<f32>)> = ordered(query, request)
        .limit(i64::from(request.limit) + 1)
        .select((ProductRow::as_select(), images_of_product!(), rank))
        .load(&mut &*connection)
        .await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let last_rank = rows.last().and_then(|(_, _, rank)| *rank);
    let products = rows
        .into_iter()
        .map(|(row, images, _)| product_from_row(row, images))
        .collect::<Result<Vec<_>, _>>()?;
    let next = products
        .last()
        .filter(|_| has_more)
        .map(|product| position_of(product, request.sort, last_rank));
    Ok((products, next))
}

async fn total_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    request: &PageRequest,
) -> Result<Option<i64>, StorageError> {
    if !request.include_total {
        return Ok(None);
    }
    let total = filtered(account, &request.filter)
        .count()
        .get_result(&mut &*connection)
        .await?;
    Ok(Some(total))
}

/// The products of an account that a filter shows.
fn filtered(account: AccountId, filter: &ProductFilter) -> Filtered<'_> {
    let mut query = products::table
        .filter(products::account_id.eq(account.uuid()))
        .into_boxed();
    if let Some(words) = &filter.words {
        query = query.filter(Matches::new(products::search, Words::new(words)));
    }
    if let Some(part) = &filter.name_part {
        query = query.filter(lower(products::name).like(pattern(part)));
    }
    if let Some(sku) = &filter.sku {
        query = query.filter(products::sku.eq(sku.as_str()));
    }
    // A single state is asked for by equality, which keeps the order of the index.
    match filter.statuses.as_slice() {
        [] => {}
        [status] => query = query.filter(products::status.eq(status.as_str())),
        statuses => {
            let words: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
            query = query.filter(products::status.eq_any(words));
        }
    }
    match filter.images_statuses.as_slice() {
        [] => {}
        [status] => query = query.filter(products::images_status.eq(status.as_str())),
        statuses => {
            let words: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
            query = query.filter(products::images_status.eq_any(words));
        }
    }
    if let Some(currency) = filter.currency {
        query = query.filter(products::price_currency.eq(currency.code()));
        if let Some(least) = &filter.min_price {
            query = query.filter(products::price_amount.ge(least));
        }
        if let Some(most) = &filter.max_price {
            query = query.filter(products::price_amount.le(most));
        }
    }
    if let Some(time) = filter.created_after {
        query = query.filter(products::created_at.gt(time));
    }
    if let Some(time) = filter.created_before {
        query = query.filter(products::created_at.lt(time));
    }
    if let Some(time) = filter.updated_after {
        query = query.filter(products::updated_at.gt(time));
    }
    if let Some(time) = filter.updated_before {
        query = query.filter(products::updated_at.lt(time));
    }
    query
}

fn ordered<'a>(query: Filtered<'a>, request: &'a PageRequest) -> Filtered<'a> {
    macro_rules! by {
        ($key:expr) => {
            if request.sort.descending {
                query.order(($key.desc(), products::id.desc()))
            } else {
                query.order(($key.asc(), products::id.asc()))
            }
        };
    }
    match request.sort.key {
        SortKey::CreatedAt => by!(products::created_at),
        SortKey::UpdatedAt => by!(products::updated_at),
        SortKey::Price => by!(products::price_amount),
        SortKey::Name => by!(products::name),
        SortKey::Relevance => {
            let rank = Rank::new(request.filter.words.as_deref());
            by!(rank)
        }
    }
}

/// Goes on after a position. Key and identifier are compared as one row value, which the index of the order serves.
fn after<'a>(
    query: Filtered<'a>,
    request: &'a PageRequest,
    position: &'a Position,
) -> Result<Filtered<'a>, StorageError> {
    macro_rules! beyond {
        ($sql:ty, $key:expr, $value:expr) => {{
            let row = ($key, products::id).into_sql::<Record<($sql, SqlUuid)>>();
            let last = ($value, position.id.uuid());
            if request.sort.descending {
                query.filter(row.lt(last))
            } else {
                query.filter(row.gt(last))
            }
        }};
    }
    let query = match (request.sort.key, &position.value) {
        (SortKey::CreatedAt, SortValue::Time(time)) => beyond!(Timestamptz, products::created_at, *time),
        (SortKey::UpdatedAt, SortValue::Time(time)) => beyond!(Timestamptz, products::updated_at, *time),
        (SortKey::Price, SortValue::Price(price)) => beyond!(Numeric, products::price_amount, price),
        (SortKey::Name, SortValue::Name(name)) => beyond!(Text, products::name, name.as_str()),
        (SortKey::Relevance, SortValue::Relevance(rank)) => {
            let key = Rank::new(request.filter.words.as_deref());
            beyond!(Nullable<Float>, key, Some(*rank))
        }
        _ => return Err(StorageError::value("a position", "it belongs to another order")),
    };
    Ok(query)
}

fn position_of(product: &Product, sort: Sort, rank: Option<f32>) -> Position {
    let value = match sort.key {
        SortKey::CreatedAt => SortValue::Time(product.created_at),
        SortKey::UpdatedAt => SortValue::Time(product.updated_at),
        SortKey::Price => SortValue::Price(product.draft.price.amount().clone()),
        SortKey::Name => SortValue::Name(product.draft.name.clone()),
        SortKey::Relevance => SortValue::Relevance(rank.unwrap_or_default()),
    };
    Position {
        value,
        id: product.id,
    }
}

/// A pattern for `LIKE` that finds exactly `part`, in folded case.
fn pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for character in part.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn holds_nul(filter: &ProductFilter) -> bool {
    [&filter.words, &filter.name_part, &filter.sku]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_its_characters() {
        assert_eq!(pattern("Mug"), "%mug%");
        assert_eq!(pattern(r"100% a_b \"), r"%100\% a\_b \\%");
    }
}
