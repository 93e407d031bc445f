//! Filters as conditions over the table `products`, and which of them the index of an order serves.

use diesel::{ExpressionMethods as _, QueryDsl as _, TextExpressionMethods as _, pg::Pg};
use domain::{
    AccountId,
    filter::{ProductFilter, Sort, SortKey},
};

use crate::{
    expression::{Matches, Words, lower},
    schema::products,
};

/// A question over the table, or over what [`Among`](super::question::Among) puts in its place.
pub(super) type Products<'a> = products::BoxedQuery<'a, Pg>;

/// The products of an account that a filter shows.
pub(super) fn filtered(account: AccountId, filter: &ProductFilter) -> Products<'_> {
    let query = products::table.filter(products::account_id.eq(account.uuid()));
    narrowed(query.into_boxed(), filter)
}

/// Those of `query` that a filter shows.
pub(super) fn narrowed<'a>(mut query: Products<'a>, filter: &'a ProductFilter) -> Products<'a> {
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

/// Parts a filter into what the index of the order serves, so that a walk along it meets nothing else, and the rest,
/// which each product on the way is looked at for.
pub(super) fn parts(filter: &ProductFilter, sort: Sort) -> (ProductFilter, ProductFilter) {
    let mut served = ProductFilter::default();
    let mut rest = filter.clone();
    match sort.key {
        SortKey::CreatedAt | SortKey::Relevance => {
            served.created_after = rest.created_after.take();
            // Nothing is changed before it is created.
            served.created_before = rest
                .created_before
                .take()
                .into_iter()
                .chain(rest.updated_before)
                .min();
            if rest.statuses.len() == 1 {
                served.statuses = std::mem::take(&mut rest.statuses);
            } else if rest.images_statuses.len() == 1 {
                served.images_statuses = std::mem::take(&mut rest.images_statuses);
            }
        }
        SortKey::UpdatedAt => {
            served.updated_after = rest
                .updated_after
                .take()
                .into_iter()
                .chain(rest.created_after)
                .max();
            served.updated_before = rest.updated_before.take();
        }
        SortKey::Price => {
            served.currency = rest.currency;
            served.min_price = rest.min_price.take();
            served.max_price = rest.max_price.take();
            rest.currency = None;
        }
        SortKey::Name => {}
    }
    (served, rest)
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

/// True where a text of the filter is none that the database can hold, or be asked about.
pub(super) fn holds_nul(filter: &ProductFilter) -> bool {
    [&filter.words, &filter.name_part, &filter.sku]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use domain::{Currency, ImagesStatus, ProductStatus};

    use super::*;

    #[test]
    fn a_pattern_means_its_characters() {
        assert_eq!(pattern("Mug"), "%mug%");
        assert_eq!(pattern(r"100% a_b \"), r"%100\% a\_b \\%");
    }

    #[test]
    fn nothing_of_a_filter_is_lost_when_it_is_parted() {
        let filter = ProductFilter {
            words: Some("mug".to_owned()),
            statuses: vec![ProductStatus::Draft],
            images_statuses: vec![ImagesStatus::Ready],
            currency: Currency::parse("EUR").ok(),
            min_price: Some(1.into()),
            ..ProductFilter::default()
        };
        let parted = |word| parts(&filter, Sort::parse(word).unwrap());
        let (served, rest) = parted("name");
        assert_eq!((served, rest), (ProductFilter::default(), filter.clone()));
        let (served, rest) = parted("-created_at");
        assert_eq!(
            (served.statuses, rest.statuses),
            (vec![ProductStatus::Draft], vec![])
        );
        assert_eq!(rest.images_statuses, filter.images_statuses);
        let (served, rest) = parted("price");
        assert_eq!((served.currency, rest.currency), (filter.currency, None));
        assert_eq!(
            (served.min_price, rest.min_price),
            (filter.min_price.clone(), None)
        );
        assert_eq!(
            (rest.words, rest.statuses),
            (filter.words.clone(), filter.statuses.clone())
        );
    }

    #[test]
    fn a_walk_by_one_time_begins_where_the_other_allows() {
        let time = |seconds| chrono::DateTime::from_timestamp(seconds, 0);
        let filter = ProductFilter {
            created_after: time(5),
            created_before: time(30),
            updated_after: time(1),
            updated_before: time(20),
            ..ProductFilter::default()
        };
        let (served, rest) = parts(&filter, Sort::NEWEST);
        assert_eq!((served.created_after, served.created_before), (time(5), time(20)));
        assert_eq!((rest.updated_after, rest.updated_before), (time(1), time(20)));
        let (served, rest) = parts(&filter, Sort::parse("updated_at").unwrap());
        assert_eq!((served.updated_after, served.updated_before), (time(5), time(20)));
        assert_eq!((rest.created_after, rest.created_before), (time(5), time(30)));
    }
}
