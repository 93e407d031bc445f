//! Orders, and positions in them.

use diesel::{
    ExpressionMethods as _, IntoSql as _, QueryDsl as _,
    sql_types::{Numeric, Record, Text, Timestamptz, Uuid as SqlUuid},
};
use domain::{
    Product,
    filter::{Position, Sort, SortKey, SortValue},
};

use super::conditions::Products;
use crate::{error::StorageError, schema::products};

/// Orders by the key of the order, and equals by their identifier. Relevance is by age here; what is ranked has its own
/// order.
pub(super) fn ordered(query: Products<'_>, sort: Sort) -> Products<'_> {
    macro_rules! by {
        ($key:expr) => {
            if sort.descending {
                query.order(($key.desc(), products::id.desc()))
            } else {
                query.order(($key.asc(), products::id.asc()))
            }
        };
    }
    match sort.key {
        SortKey::CreatedAt | SortKey::Relevance => by!(products::created_at),
        SortKey::UpdatedAt => by!(products::updated_at),
        SortKey::Price => by!(products::price_amount),
        SortKey::Name => by!(products::name),
    }
}

/// Goes on after a position. Key and identifier are compared as one row value, which the index of the order serves.
pub(super) fn after<'a>(
    query: Products<'a>,
    sort: Sort,
    position: &'a Position,
) -> Result<Products<'a>, StorageError> {
    macro_rules! beyond {
        ($sql:ty, $key:expr, $value:expr) => {{
            let row = ($key, products::id).into_sql::<Record<($sql, SqlUuid)>>();
            let last = ($value, position.id.uuid());
            if sort.descending {
                query.filter(row.lt(last))
            } else {
                query.filter(row.gt(last))
            }
        }};
    }
    let query = match (sort.key, &position.value) {
        (SortKey::CreatedAt, SortValue::Time(time)) => beyond!(Timestamptz, products::created_at, *time),
        (SortKey::UpdatedAt, SortValue::Time(time)) => beyond!(Timestamptz, products::updated_at, *time),
        (SortKey::Price, SortValue::Price(price)) => beyond!(Numeric, products::price_amount, price),
        (SortKey::Name, SortValue::Name(name)) => beyond!(Text, products::name, name.as_str()),
        _ => return Err(StorageError::value("a position", "it belongs to another order")),
    };
    Ok(query)
}

/// Where a product stands in an order; by age, where that is relevance.
pub(super) fn position_of(product: &Product, sort: Sort) -> Position {
    let value = match sort.key {
        SortKey::CreatedAt | SortKey::Relevance => SortValue::Time(product.created_at),
        SortKey::UpdatedAt => SortValue::Time(product.updated_at),
        SortKey::Price => SortValue::Price(product.draft.price.amount().clone()),
        SortKey::Name => SortValue::Name(product.draft.name.clone()),
    };
    Position {
        value,
        id: product.id,
    }
}
