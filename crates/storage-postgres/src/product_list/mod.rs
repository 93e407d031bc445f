//! Pages of products, by filter and order.
//!
//! What a page costs is bounded by what is asked for, and does not hang on the planner's guesses: `walk` follows the index
//! of the order over a bounded number of products, and where too few of them match, matches are rare and `gather`
//! fetches all of them, by the indexes of the filters, and sorts them.

mod conditions;
mod order;
#[cfg(test)]
mod plans;
mod question;
mod relevance;

use diesel::{ExpressionMethods as _, IntoSql as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{
    AccountId, Product,
    filter::{Page, PageRequest, Position, ProductFilter, Sort, SortKey},
};

use self::{
    conditions::{filtered, holds_nul, narrowed, parts},
    order::{after, ordered, position_of},
    question::{Among, Question},
};
use crate::{
    database::Database,
    error::StorageError,
    images::{ImageRow, images_of_product},
    products::{ProductRow, product_from_row},
    schema::{images, products},
};

/// How many products a walk looks at for each one that is wanted, and how many at least. Where fewer than one in so many
/// match, fetching all that match costs less than walking on.
const WALK_FOR_EACH: i64 = 50;
const WALK_MIN: i64 = 500;

/// Fetches one page of an account's products, with their images, all of one moment; the total is of the moment after.
///
/// Ties in the order are broken by the identifier, in the same direction, and a page begins after a *position* and not
/// after a number of rows: no product is skipped or repeated because others come or go. Prices are compared within the
/// currency of the filter only: without one, `min_price` and `max_price` are not looked at.
///
/// # Errors
/// [`StorageError::TooManyToCount`] where the total was asked for, and whatever else [`StorageError`] names.
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
    // Boxed, since every layer from here on would hold it twice.
    let page = lease
        .run(Box::pin(page_load(connection, account, request)))
        .await?;
    if !request.include_total {
        return Ok(page);
    }
    // The server is judged by the page: that it does not count everything in time is no sign of trouble.
    let total = lease
        .run(total_load(connection, account, &request.filter))
        .await?;
    Ok(Page {
        total: Some(total),
        ..page
    })
}

async fn page_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    request: &PageRequest,
) -> Result<Page, StorageError> {
    if request.sort.key == SortKey::Relevance {
        return relevance::page_load(connection, account, request).await;
    }
    let limit = usize::from(request.limit);
    // One more than is shown tells whether there is another page.
    let mut products = products_load(
        connection,
        account,
        &request.filter,
        request.sort,
        request.after.as_ref(),
        i64::from(request.limit) + 1,
    )
    .await?;
    let has_more = products.len() > limit;
    products.truncate(limit);
    let next = products
        .last()
        .filter(|_| has_more)
        .map(|product| position_of(product, request.sort));
    Ok(Page {
        products,
        next,
        total: None,
    })
}

/// A product with its images, as they are selected.
type Listed = (ProductRow, Vec<ImageRow>);

/// Fetches the first `wanted` products after a position, or all where there are fewer.
async fn products_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    filter: &ProductFilter,
    sort: Sort,
    position: Option<&Position>,
    wanted: i64,
) -> Result<Vec<Product>, StorageError> {
    let from_position = |query| match position {
        Some(position) => after(query, sort, position),
        None => Ok(query),
    };
    let (served, rest) = parts(filter, sort);
    if rest == ProductFilter::default() {
        let question = ordered(from_position(filtered(account, &served))?, sort)
            .limit(wanted)
            .select((ProductRow::as_select(), images_of_product!()));
        let plain = ProductFilter {
            currency: filter.currency,
            ..ProductFilter::default()
        };
        let question = Question {
            // Few texts, for all of which there is one index and no other way.
            kept: *filter == plain,
            question,
        };
        return products_from(question.load(&mut &*connection).await?);
    }
    // A sku is the account's rarest filter: one product has it at most.
    if filter.sku.is_none() {
        let walk = ordered(from_position(filtered(account, &served))?, sort)
            .limit(wanted.saturating_mul(WALK_FOR_EACH).max(WALK_MIN));
        let question = ordered(narrowed(products::table.into_boxed(), &rest), sort)
            .limit(wanted)
            .select((ProductRow::as_select(), images_of_product!()));
        let question = Among {
            products: walk,
            question,
        };
        let rows: Vec<Listed> = unkept(question).load(&mut &*connection).await?;
        if i64::try_from(rows.len()) == Ok(wanted) {
            return products_from(rows);
        }
    }
    let gather = from_position(filtered(account, filter))?.offset(0);
    let question = ordered(products::table.into_boxed(), sort)
        .limit(wanted)
        .select((ProductRow::as_select(), images_of_product!()));
    let question = Among {
        products: gather,
        question,
    };
    products_from(unkept(question).load(&mut &*connection).await?)
}

async fn total_load(
    connection: &AsyncPgConnection,
    account: AccountId,
    filter: &ProductFilter,
) -> Result<i64, StorageError> {
    unkept(filtered(account, filter).count())
        .get_result(&mut &*connection)
        .await
        .map_err(StorageError::of_count)
}

fn products_from(rows: Vec<Listed>) -> Result<Vec<Product>, StorageError> {
    rows.into_iter()
        .map(|(row, images)| product_from_row(row, images))
        .collect()
}

const fn unkept<Q>(question: Q) -> Question<Q> {
    Question {
        kept: false,
        question,
    }
}
