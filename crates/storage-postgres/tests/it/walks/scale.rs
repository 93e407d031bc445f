//! The same at 200,000 products with 50 writers, and what the first and the last page cost: `make scale-list`.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use domain::{
    AccountId,
    filter::{PageRequest, Sort, SortKey},
};
use storage_postgres::{Database, product_list};

use super::{first, judge, sorts, walk, writers::Writers};
use crate::support::Room;

const LIMIT: u16 = 100;
const ROUNDS: usize = 41;
const WRITERS: usize = 50;

/// 150,000 products are of this account. Every order shows all of them, and the descriptions say what is to become of
/// each.
const SEED: &str = concat!(
    include_str!("../../../src/product_list/plans/seed.sql"),
    "UPDATE products SET description = (ARRAY['still', 'still', 'repriced', 'renamed', 'passing'])
         [1 + get_byte(uuid_send(id), 15) % 5], name = name || ' mug', price_currency = 'USD'
     WHERE account_id = '00000000-0000-7000-8000-000000000001'"
);
const ACCOUNT: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of some minutes"]
async fn every_order_is_walked_at_200_000_products_and_50_writers_and_its_ends_are_compared() {
    let room = Room::open().await;
    say("filling a database with 200,000 products");
    room.execute(SEED).await;
    room.execute("VACUUM ANALYZE products").await;
    let account = AccountId::from(ACCOUNT.parse::<uuid::Uuid>().unwrap());
    for sort in sorts() {
        compare("alone", &room.database, account, sort).await;
    }
    let writers = Writers::start(&room.config(), account, WRITERS).await;
    say("50 writers have begun");
    for sort in sorts() {
        compare("beside writers", &room.database, account, sort).await;
    }
    let limit = std::env::var("SCALE_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let (begun, limit) = (Instant::now(), Duration::from_secs(limit.unwrap_or(600)));
    for sort in sorts() {
        if begun.elapsed() > limit {
            panic!("{sort:?}: no time left to walk it; give more SCALE_SECONDS");
        }
        let (began, mut pages) = (Instant::now(), 0);
        let seen = walk(&room.database, account, first(sort, LIMIT), || {
            pages += 1;
            if pages % 250 == 0 {
                say(&format!("{sort:?}: page {pages}"));
            }
        })
        .await;
        judge(&seen, &writers.lasting, sort.key);
        let groups = writers.lasting.values();
        let kept = groups.filter(|group| group.keeps_its_place(sort.key)).count();
        let seconds = began.elapsed().as_secs_f64();
        say(&format!(
            "{sort:?}: {pages} pages in {seconds:.0} s; {kept} products kept their place, each seen once"
        ));
    }
    say(&format!("{} writes", writers.stop().await));
}

async fn compare(when: &str, database: &Database, account: AccountId, sort: Sort) {
    let last = last_page(database, account, sort).await;
    let (first, last) = medians(database, account, &first(sort, LIMIT), &last).await;
    let ratio = last / first;
    say(&format!(
        "{when}, {sort:?}: first page {first:.2} ms, last page {last:.2} ms, ratio {ratio:.2}"
    ));
}

/// Found from the other end. The last of a search are by age.
async fn last_page(database: &Database, account: AccountId, sort: Sort) -> PageRequest {
    let last = first(sort, LIMIT);
    let by = match sort.key {
        SortKey::Relevance => Sort::NEWEST,
        _ => sort,
    };
    let mut backward = PageRequest {
        sort: Sort {
            descending: !by.descending,
            ..by
        },
        ..last.clone()
    };
    for limit in [LIMIT, 1] {
        backward.limit = limit;
        backward.after = product_list(database, account, &backward).await.unwrap().next;
    }
    PageRequest {
        after: backward.after,
        ..last
    }
}

/// What the first and the last page take, in milliseconds; asked for in turn, so that both have the same weather.
async fn medians(
    database: &Database,
    account: AccountId,
    first: &PageRequest,
    last: &PageRequest,
) -> (f64, f64) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (times, request) in times.iter_mut().zip([first, last]) {
            let begun = Instant::now();
            product_list(database, account, request).await.unwrap();
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [first, last] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    (first, last)
}

fn say(line: &str) {
    // Past the test runner, which would keep it to itself until the end.
    let _ = writeln!(std::io::stderr(), "{line}");
}
