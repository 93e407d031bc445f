//! How the server carries out lists of 200,000 products: what it reads, and by which index.

mod watch;

use std::{collections::HashMap, fmt::Write as _, iter::Take, slice::Iter};

use diesel::{QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;
use domain::{
    AccountId, Currency, ImagesStatus, ProductStatus,
    filter::{PageRequest, Position, ProductFilter, Sort, SortKey},
};
use testkit::TestDatabase;

use self::watch::Watched;
use super::{
    WALK_FOR_EACH,
    conditions::filtered,
    order::{ordered, position_of},
    relevance, unkept,
};
use crate::products::{ProductRow, product_from_row};

const LIMIT: u16 = 20;

/// The account with 150,000 of the products.
fn large() -> AccountId {
    account(1)
}

fn account(number: u128) -> AccountId {
    let id = 0x0000_0000_0000_7000_8000_0000_0000_0000_u128;
    // The number is written in decimal digits.
    let digits = u128::from_str_radix(&number.to_string(), 16).unwrap();
    uuid::Uuid::from_u128(id + digits).into()
}

async fn watched() -> Watched {
    let database = TestDatabase::filled(include_str!("seed.sql")).await;
    Watched::open(database.url()).await
}

fn request(filter: ProductFilter, sort: Sort, after: Option<Position>) -> PageRequest {
    PageRequest {
        filter,
        sort,
        limit: LIMIT,
        after,
        include_total: false,
    }
}

fn time(text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    text.parse().ok()
}

/// Each way to narrow a list, at first with what many products have, then with what few have.
const KINDS: usize = 7;

fn narrow(filter: &mut ProductFilter, kind: usize, rare: bool) {
    let pick = |common: &str, few: &str| Some(if rare { few } else { common }.to_owned());
    match kind {
        0 => filter.words = pick("mug", "gilded"),
        1 => filter.name_part = pick("tea", "no 1234"),
        2 if rare => filter.statuses = vec![ProductStatus::Archived],
        2 => filter.statuses = vec![ProductStatus::Active, ProductStatus::Draft],
        3 if rare => filter.images_statuses = vec![ImagesStatus::Failed],
        3 => filter.images_statuses = vec![ImagesStatus::Ready],
        4 => {
            filter.currency = Currency::parse(if rare { "CHF" } else { "EUR" }).ok();
            filter.min_price = Some(1.into());
        }
        5 => {
            filter.created_after = time("2026-02-01T00:00:00Z");
            filter.created_before = if rare { time("2026-02-01T12:00:00Z") } else { None };
        }
        _ => {
            filter.updated_after = time("2026-02-10T00:00:00Z");
            filter.updated_before = if rare { time("2026-02-10T12:00:00Z") } else { None };
        }
    }
}

/// Whether each kind of filter is that of the few.
static MIXTURES: [[bool; KINDS]; 4] = [
    [false; KINDS],
    [true; KINDS],
    [true, false, true, false, true, false, true],
    [false, true, false, true, false, true, false],
];

/// The filter of the kinds whose bits are set.
fn combined(kinds: usize, rare: [bool; KINDS]) -> ProductFilter {
    let mut filter = ProductFilter::default();
    for kind in (0..KINDS).filter(|kind| kinds >> kind & 1 == 1) {
        narrow(&mut filter, kind, rare[kind]);
    }
    filter
}

/// Every order that a filter can have.
fn sorts(filter: &ProductFilter) -> impl Iterator<Item = Sort> + use<> {
    let best = filter.words.as_ref().map(|_| Sort::BEST_MATCH);
    Sort::WORDS
        .iter()
        .filter_map(|word| Sort::parse(word))
        .chain(best)
}

/// As the API does, an order by price names a currency.
fn priced(mut filter: ProductFilter, sort: Sort) -> ProductFilter {
    if sort.key == SortKey::Price {
        filter.currency = filter.currency.or(Currency::parse("USD").ok());
    }
    filter
}

async fn count(watched: &Watched, filter: &ProductFilter) -> f64 {
    let count = unkept(filtered(large(), filter).count());
    let count: i64 = count.get_result(&mut &watched.connection).await.unwrap();
    u32::try_from(count).unwrap().into()
}

/// A position two thirds down the list of everything.
async fn deep(watched: &Watched, sort: Sort) -> Position {
    let filter = priced(ProductFilter::default(), sort);
    let down = count(watched, &filter).await / 1.5;
    let row: ProductRow = ordered(filtered(large(), &filter), sort)
        .offset(format!("{down:.0}").parse().unwrap())
        .limit(1)
        .select(ProductRow::as_select())
        .get_result(&mut &watched.connection)
        .await
        .unwrap();
    position_of(&product_from_row(row, Vec::new()).unwrap(), sort)
}

/// A position by age, rank or key that a list of this order can have.
async fn positions(watched: &Watched) -> HashMap<Sort, Position> {
    let mut positions = HashMap::new();
    for sort in Sort::WORDS.iter().filter_map(|word| Sort::parse(word)) {
        positions.insert(sort, deep(watched, sort).await);
    }
    // Deep in relevance all are by age.
    positions.insert(Sort::BEST_MATCH, positions[&Sort::NEWEST].clone());
    positions
}

/// The most rows that a page may read where the rarest of its filters matches so many. The server may take another index
/// than that of the rarest, where it holds the other for as good.
fn bound(filter: &ProductFilter, sort: Sort, rarest: f64) -> f64 {
    let number = |number: i64| f64::from(u32::try_from(number).unwrap());
    let walk = number((i64::from(LIMIT) + 1) * WALK_FOR_EACH);
    let gather = 2.0 * rarest + 2_500.0;
    if *filter == priced(ProductFilter::default(), sort) {
        f64::from(LIMIT) + 1.0
    } else if sort.key == SortKey::Relevance {
        // The boundary is looked for, then what is ranked is read, then what follows.
        2.0 * number(relevance::WALK) + 2.0 * gather + walk
    } else {
        walk + gather
    }
}

#[tokio::test]
async fn a_page_reads_few_products_or_the_few_that_match_whatever_is_combined() {
    // Each combination with one of the mixtures, in turn.
    sweep(|kinds, order| MIXTURES[(kinds + order) % MIXTURES.len()..].iter().take(1)).await;
}

#[tokio::test]
#[ignore = "takes a minute; a part of `make scale-list`"]
async fn the_same_holds_for_every_mixture_of_common_and_rare() {
    sweep(|_, _| MIXTURES.iter().take(MIXTURES.len())).await;
}

/// Reads a first and a deep page of every combination of filters in every order, and judges what was read for it.
async fn sweep(mixtures: impl Fn(usize, usize) -> Take<Iter<'static, [bool; KINDS]>>) {
    let watched = watched().await;
    let positions = positions(&watched).await;
    let mut single = HashMap::new();
    for kind in 0..KINDS {
        for rare in [false, true] {
            let filter = combined(1 << kind, [rare; KINDS]);
            single.insert((kind, rare), count(&watched, &filter).await);
        }
    }
    let mut broken = String::new();
    for kinds in 0..1_usize << KINDS {
        for (order, sort) in sorts(&combined(kinds, MIXTURES[0])).enumerate() {
            for mixture in mixtures(kinds, order) {
                let rarest = (0..KINDS)
                    .filter(|kind| kinds >> kind & 1 == 1)
                    .map(|kind| single[&(kind, mixture[kind])])
                    .fold(f64::INFINITY, f64::min);
                let filter = priced(combined(kinds, *mixture), sort);
                let most = bound(&filter, sort, rarest);
                for after in [None, Some(positions[&sort].clone())] {
                    let request = request(filter.clone(), sort, after);
                    let (_, plans) = watched.page(large(), &request).await;
                    let read: f64 = plans.iter().map(|plan| plan.read).sum();
                    let sorted = plans.iter().map(|plan| plan.sorted).fold(0.0, f64::max);
                    if read > most || sorted > most || plans.iter().any(|plan| plan.scans_the_table) {
                        let _ = writeln!(
                            broken,
                            "read {read} and sorted {sorted} of at most {most}: {request:?} {plans:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// What lists are asked for most, and what is hard.
fn representative() -> [(&'static str, ProductFilter); 9] {
    let few = |kind: usize| combined(1 << kind, [true; KINDS]);
    let many = |kind: usize| combined(1 << kind, [false; KINDS]);
    [
        ("everything", ProductFilter::default()),
        ("rare_words", few(0)),
        ("common_words", many(0)),
        ("rare_part_of_a_name", few(1)),
        ("one_status", few(2)),
        ("several_statuses", many(2)),
        ("rare_state_of_images", few(3)),
        ("rare_currency", few(4)),
        ("hours_of_creation", few(5)),
    ]
}

#[tokio::test]
async fn each_list_is_served_by_the_index_that_is_meant_for_it() {
    let watched = watched().await;
    let positions = positions(&watched).await;
    for (name, filter) in representative() {
        let mut shown = String::new();
        for sort in sorts(&filter) {
            let filter = priced(filter.clone(), sort);
            for after in [None, Some(positions[&sort].clone())] {
                let from = if after.is_some() { "deep" } else { "first" };
                let direction = if sort.descending {
                    "descending"
                } else {
                    "ascending"
                };
                let request = request(filter.clone(), sort, after);
                let (_, plans) = watched.page(large(), &request).await;
                let _ = writeln!(shown, "{:?} {direction}, {from} page", sort.key);
                for plan in plans {
                    let _ = writeln!(shown, "  {}", plan.steps);
                }
            }
        }
        insta::assert_snapshot!(name, shown);
    }
}

#[tokio::test]
async fn a_statement_that_is_kept_goes_the_same_way_for_every_account() {
    let watched = watched().await;
    for sort in sorts(&ProductFilter::default()) {
        let filter = priced(ProductFilter::default(), sort);
        let first = request(filter.clone(), sort, None);
        let (_, known) = watched.page(large(), &first).await;
        watched.forget_values().await;
        for account in [large(), account(2), account(1000)] {
            let (page, plans) = watched.page(account, &first).await;
            let next = request(filter.clone(), sort, page.next);
            let (_, next_plans) = watched.page(account, &next).await;
            for plans in [plans, next_plans] {
                assert_eq!(plans.len(), 1, "{sort:?}");
                assert_eq!(plans[0].steps, known[0].steps, "{sort:?}");
                assert!(plans[0].read <= 21.0, "{sort:?} {plans:?}");
            }
        }
        watched.know_values().await;
    }
}

#[tokio::test]
async fn a_search_reads_what_matches_in_its_own_account() {
    let watched = watched().await;
    for kind in [0, 1] {
        for rare in [false, true] {
            let filter = combined(1 << kind, [rare; KINDS]);
            for sort in sorts(&filter) {
                let request = request(priced(filter.clone(), sort), sort, None);
                let (_, plans) = watched.page(account(1000), &request).await;
                let read: f64 = plans.iter().map(|plan| plan.read).sum();
                // It has twenty products, which are looked at once for each question.
                assert!(read <= 80.0, "{sort:?} {filter:?} {plans:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_sku_leads_to_its_product() {
    let watched = watched().await;
    for kinds in [0, 1, 0b111_1111] {
        let filter = ProductFilter {
            sku: Some("SKU-1001".to_owned()),
            ..combined(kinds, [false; KINDS])
        };
        for sort in sorts(&filter) {
            let request = request(priced(filter.clone(), sort), sort, None);
            let (_, plans) = watched.page(large(), &request).await;
            let read: f64 = plans.iter().map(|plan| plan.read).sum();
            assert!(read <= 2.0, "{sort:?} {filter:?} {plans:?}");
        }
    }
}
