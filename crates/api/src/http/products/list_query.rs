//! The query of a list: filters, order and page.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};
use domain::{
    Currency, ImagesStatus, ProductStatus, cursor,
    fault::Rejection,
    filter::{LIMIT_DEFAULT, PageRequest, ProductFilter, Sort, SortKey},
    money::parse_amount,
    product::{NAME_MAX_CHARACTERS, SKU_MAX_CHARACTERS},
};
use utoipa::IntoParams;

use crate::{
    http::{
        page::{cursor_problem, limit},
        problem::Problem,
        query::Query,
    },
    vocabulary,
};

/// The longest search, in characters.
const WORDS_MAX_CHARACTERS: usize = 200;

/// What a list can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the query for the documentation; `read` reads it and lists all faults"
)]
pub(super) struct ListParameters {
    /// Words to be found in name, description or sku. Unless `sort` says otherwise, the newest 200 matches come first, the
    /// best of them at the top, and older ones follow by age.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    q: Option<String>,
    /// Part of the name, in any case.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    name: Option<String>,
    /// The exact sku.
    #[param(min_length = 1, max_length = 64, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    sku: Option<String>,
    /// May repeat. Every one where it is left out.
    #[param(value_type = Option<Vec<vocabulary::ProductStatus>>)]
    status: Option<Vec<String>>,
    /// May repeat. Every one where it is left out.
    #[param(value_type = Option<Vec<vocabulary::ImagesStatus>>)]
    images_status: Option<Vec<String>>,
    /// Prices in this currency only.
    #[param(value_type = Option<vocabulary::Currency>)]
    currency: Option<String>,
    /// At least this price, such as `10.00`, in `currency`, or else in the catalogue's own currency.
    #[param(pattern = r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
    min_price: Option<String>,
    /// At most this price, such as `20.00`, in `currency`, or else in the catalogue's own currency.
    #[param(pattern = r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
    max_price: Option<String>,
    /// Created later than this.
    created_after: Option<DateTime<Utc>>,
    /// Created earlier than this.
    created_before: Option<DateTime<Utc>>,
    /// Last changed later than this.
    updated_after: Option<DateTime<Utc>>,
    /// Last changed earlier than this.
    updated_before: Option<DateTime<Utc>>,
    /// `-created_at` where it is left out, or the best match first where `q` is given.
    #[param(value_type = Option<vocabulary::ProductSort>)]
    sort: Option<String>,
    /// How many products a page has.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// `next_cursor` of the page before, with the same filters and sort.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Count all products that match, which costs as much as reading them; where it takes too long, the answer is
    /// `too_many_to_count`.
    #[param(default = false)]
    include_total: Option<bool>,
}

/// Reads the query of a list. Price filters and price orders look at one currency: the one given, or `default_currency`.
///
/// # Errors
/// `InvalidQuery` with every fault, `InvalidCursor` or `CursorMismatch`.
pub(super) fn read(text: &str, default_currency: Currency) -> Result<PageRequest, Problem> {
    let mut query = Query::new(text);
    let mut filter = ProductFilter {
        words: query.text("q", WORDS_MAX_CHARACTERS),
        name_part: query.text("name", NAME_MAX_CHARACTERS),
        sku: query.text("sku", SKU_MAX_CHARACTERS),
        statuses: distinct(query.all("status", str::parse::<ProductStatus>)),
        images_statuses: distinct(query.all("images_status", str::parse::<ImagesStatus>)),
        currency: query.one("currency", Currency::parse),
        min_price: query.one("min_price", price),
        max_price: query.one("max_price", price),
        created_after: query.one("created_after", time),
        created_before: query.one("created_before", time),
        updated_after: query.one("updated_after", time),
        updated_before: query.one("updated_before", time),
    };
    let sort = query.one("sort", sort);
    let limit = query.one("limit", limit).unwrap_or(LIMIT_DEFAULT);
    let word = query.one("cursor", |word| Ok(word.to_owned()));
    let include_total = query.one("include_total", boolean).unwrap_or(false);
    query.close()?;

    let sort = sort.unwrap_or(if filter.words.is_some() {
        Sort::BEST_MATCH
    } else {
        Sort::NEWEST
    });
    if filter.min_price.is_some() || filter.max_price.is_some() || sort.key == SortKey::Price {
        filter.currency.get_or_insert(default_currency);
    }
    let after = word
        .map(|word| cursor::decode(&word, &filter, sort))
        .transpose()
        .map_err(cursor_problem)?;
    Ok(PageRequest {
        filter,
        sort,
        limit,
        after,
        include_total,
    })
}

/// The order and the number of repetitions do not change what a filter means, nor may they change its cursor.
fn distinct<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

/// Without needless zeros: 1.0 is the same bound as 1, and makes the same cursor.
fn price(text: &str) -> Result<BigDecimal, Rejection> {
    parse_amount(text).map(|amount| amount.normalized())
}

fn time(text: &str) -> Result<DateTime<Utc>, Rejection> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| {
            Rejection::new(
                "invalid_time",
                "is not a time of RFC 3339; give one such as 2026-01-31T12:00:00Z",
            )
        })
}

fn sort(text: &str) -> Result<Sort, Rejection> {
    Sort::parse(text).ok_or_else(|| {
        Rejection::new(
            "unknown_value",
            format!("is not one of: {}", Sort::WORDS.join(" ")),
        )
    })
}

fn boolean(text: &str) -> Result<bool, Rejection> {
    text.parse()
        .map_err(|_| Rejection::new("invalid_boolean", "is neither true nor false"))
}

#[cfg(test)]
mod tests {
    use domain::ProblemCode;
    use proptest::prelude::*;

    use super::*;

    fn dollar() -> Currency {
        Currency::parse("USD").unwrap()
    }

    #[test]
    fn an_empty_query_lists_the_newest_products_of_every_kind() {
        let expected = PageRequest {
            filter: ProductFilter::default(),
            sort: Sort::NEWEST,
            limit: 20,
            after: None,
            include_total: false,
        };
        assert_eq!(read("", dollar()).unwrap(), expected);
    }

    #[test]
    fn prices_are_compared_within_one_currency() {
        let currency = |query: &str| read(query, dollar()).unwrap().filter.currency.map(Currency::code);
        assert_eq!(currency("min_price=5"), Some("USD"));
        assert_eq!(currency("sort=-price"), Some("USD"));
        assert_eq!(currency("max_price=5&currency=EUR"), Some("EUR"));
        assert_eq!(currency("sort=name"), None);
    }

    #[test]
    fn a_search_is_ranked_unless_another_order_is_asked_for() {
        assert_eq!(read("q=mug", dollar()).unwrap().sort, Sort::BEST_MATCH);
        assert_eq!(
            read("q=mug&sort=-created_at", dollar()).unwrap().sort,
            Sort::NEWEST
        );
    }

    #[test]
    fn every_fault_of_a_query_is_found_at_once() {
        let query = "limit=0&sort=colour&status=sold&status=draft&min_price=-1&created_after=today&q=%00&sku=&colour=blue&name=a&name=b";
        let problem = read(query, dollar()).unwrap_err();
        let body = serde_json::to_value(problem.errors()).unwrap();
        let found: Vec<_> = body
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["parameter"].as_str().unwrap())
            .collect();
        assert_eq!(problem.code(), ProblemCode::InvalidQuery);
        assert_eq!(
            found,
            [
                "q",
                "name",
                "sku",
                "status",
                "min_price",
                "created_after",
                "sort",
                "limit",
                "colour"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "[a-z_=&%0-9+-]{0,100}") {
            let _ = read(&query, dollar());
        }
    }
}
