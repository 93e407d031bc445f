//! The order by relevance.
//!
//! To know the best match one must rank every match, and a common word has as many as there are products. So the newest
//! matches alone are ranked, and the older ones follow by age. The boundary between the two is found for the first page
//! and goes along in the cursor: it stays where it is while others write.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _, SelectableHelper as _,
    sql_types::{Float, Nullable, Record, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{
    AccountId, Product,
    filter::{Age, Page, PageRequest, Position, ProductFilter, Sort, SortValue},
};
use uuid::Uuid;

use super::{
    conditions::{filtered, narrowed, parts},
    order::{ordered, position_of},
    products_load,
    question::Among,
    unkept,
};
use crate::{
    error::StorageError,
    expression::Rank,
    images::{ImageRow, images_of_product},
    products::{ProductRow, product_from_row},
    schema::{images, products},
};

/// How many matches are ranked: more than anybody reads.
const RANKED: i64 = 200;
/// How many products are looked at for them before all matches are fetched by the index of the words.
pub(super) const WALK: i64 = 2_000;

pub(super) async fn page_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    request: &PageRequest,
) -> Result<Page, StorageError> {
    let filter = &request.filter;
    let limit = usize::from(request.limit);
    // One more than is shown tells whether there is another page.
    let wanted = i64::from(request.limit) + 1;
    let (ranked, oldest) = match &request.after {
        None => {
            let oldest = oldest_ranked(connection, account, filter).await?;
            (
                ranked_load(connection, account, filter, oldest, None, wanted).await?,
                oldest,
            )
        }
        Some(Position {
            value: SortValue::Relevance { rank, oldest },
            id,
        }) => {
            let last = Some((*rank, id.uuid()));
            (
                ranked_load(connection, account, filter, *oldest, last, wanted).await?,
                *oldest,
            )
        }
        Some(position) => {
            let mut products = older_load(connection, account, filter, position, wanted).await?;
            let has_more = products.len() > limit;
            products.truncate(limit);
            let last = products.last().filter(|_| has_more);
            let next = last.map(|product| position_of(product, Sort::NEWEST));
            return Ok(Page {
                products,
                next,
                total: None,
            });
        }
    };
    let mut rows: Vec<(Product, Option<f32>)> = ranked;
    let missing = wanted - i64::try_from(rows.len()).unwrap_or(wanted);
    if let Some(oldest) = oldest.filter(|_| missing > 0) {
        let position = Position {
            value: SortValue::Time(oldest.created_at),
            id: oldest.id,
        };
        let older = older_load(connection, account, filter, &position, missing).await?;
        rows.extend(older.into_iter().map(|product| (product, None)));
    }
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows
        .last()
        .filter(|_| has_more)
        .map(|(product, rank)| match rank {
            Some(rank) => Position {
                value: SortValue::Relevance { rank: *rank, oldest },
                id: product.id,
            },
            None => position_of(product, Sort::NEWEST),
        });
    let products = rows.into_iter().map(|(product, _)| product).collect();
    Ok(Page {
        products,
        next,
        total: None,
    })
}

/// The oldest of the newest matches, which are ranked; none where there are fewer.
async fn oldest_ranked(
    connection: &AsyncPgConnection,
    account: AccountId,
    filter: &ProductFilter,
) -> Result<Option<Age>, StorageError> {
    if filter.sku.is_some() {
        return Ok(None);
    }
    let (served, rest) = parts(filter, Sort::NEWEST);
    let question = Among {
        products: ordered(filtered(account, &served), Sort::NEWEST).limit(WALK),
        question: ordered(narrowed(products::table.into_boxed(), &rest), Sort::NEWEST)
            .offset(RANKED - 1)
            .limit(1)
            .select((products::created_at, products::id)),
    };
    let mut found: Option<(DateTime<Utc>, Uuid)> =
        unkept(question).get_result(&mut &*connection).await.optional()?;
    if found.is_none() {
        let question = Among {
            products: filtered(account, filter).offset(0),
            question: ordered(products::table.into_boxed(), Sort::NEWEST)
                .offset(RANKED - 1)
                .limit(1)
                .select((products::created_at, products::id)),
        };
        found = unkept(question).get_result(&mut &*connection).await.optional()?;
    }
    Ok(found.map(|(created_at, id)| Age {
        created_at,
        id: id.into(),
    }))
}

/// The best of the matches that are ranked, after the one that a page ended with.
async fn ranked_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    filter: &ProductFilter,
    oldest: Option<Age>,
    last: Option<(f32, Uuid)>,
    wanted: i64,
) -> Result<Vec<(Product, Option<f32>)>, StorageError> {
    let mut ranked = filtered(account, filter);
    if let Some(oldest) = oldest {
        let age = (products::created_at, products::id).into_sql::<Record<(Timestamptz, SqlUuid)>>();
        ranked = ranked.filter(age.ge((oldest.created_at, oldest.id.uuid())));
    }
    let rank = || Rank::new(filter.words.as_deref());
    let mut question = products::table.into_boxed();
    if let Some((best, id)) = last {
        let place = (rank(), products::id).into_sql::<Record<(Nullable<Float>, SqlUuid)>>();
        question = question.filter(place.lt((Some(best), id)));
    }
    let question = Among {
        products: ranked.offset(0),
        question: question
            .order((rank().desc(), products::id.desc()))
            .limit(wanted)
            .select((ProductRow::as_select(), images_of_product!(), rank())),
    };
    let rows: Vec<(ProductRow, Vec<ImageRow>, Option<f32>)> =
        unkept(question).load(&mut &*connection).await?;
    rows.into_iter()
        .map(|(row, images, rank)| Ok((product_from_row(row, images)?, Some(rank.unwrap_or_default()))))
        .collect()
}

/// The newest of the matches that are older than a position, and are not ranked.
async fn older_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    filter: &ProductFilter,
    position: &Position,
    wanted: i64,
) -> Result<Vec<Product>, StorageError> {
    products_load(connection, account, filter, Sort::NEWEST, Some(position), wanted).await
}
