//! The same at 200,000 products with 50 writers, and what the first and the last page cost: `make scale-list`.

use std::{io::Write as _, time::Instant};

use domain::{AccountId, filter::PageRequest};
use storage_postgres::{Database, product_list};

use super::{Group, first, judge, sorts, walk, writers::Writers};
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
async fn the_last_page_costs_what_the_first_costs_at_200_000_products_and_50_writers() {
    let room = Room::open().await;
    say("filling a database with 200,000 products");
    room.execute(SEED).await;
    room.execute("VACUUM ANALYZE products").await;
    let account = AccountId::from(ACCOUNT.parse::<uuid::Uuid>().unwrap());
    let mut lines = vec![format!(
        "{:<22} {:>7} {:>8} {:>12} {:>12} {:>6} {:>12} {:>12} {:>6}",
        "sort", "pages", "seconds", "first (ms)", "last (ms)", "ratio", "first, busy", "last, busy", "ratio"
    )];
    let mut written = 0;
    for sort in sorts() {
        let name = format!(
            "{:?} {}",
            sort.key,
            if sort.descending {
                "descending"
            } else {
                "ascending"
            }
        );
        let request = first(sort, LIMIT);
        let writers = Writers::start(&room.config(), account, WRITERS).await;
        let (begun, mut pages, mut last) = (Instant::now(), 0, request.clone());
        let seen = walk(&room.database, account, request.clone(), |page, products| {
            pages += 1;
            if products.len() == usize::from(LIMIT) {
                last = page.clone();
            }
            if pages % 250 == 0 {
                say(&format!("{name}: page {pages}"));
            }
        })
        .await;
        let seconds = begun.elapsed().as_secs_f64();
        judge(&seen, &writers.lasting, sort.key);
        let kept = writers
            .lasting
            .values()
            .filter(|group: &&Group| group.keeps_its_place(sort.key))
            .count();
        let (first_busy, last_busy) = medians(&room.database, account, &request, &last).await;
        written += writers.stop().await;
        let (first, last) = medians(&room.database, account, &request, &last).await;
        let line = format!(
            "{name:<22} {pages:>7} {seconds:>8.1} {first:>12.2} {last:>12.2} {:>6.2} {first_busy:>12.2} {last_busy:>12.2} {:>6.2}",
            last / first,
            last_busy / first_busy
        );
        say(&format!("{line}   ({kept} kept their place, each seen once)"));
        lines.push(line);
    }
    say(&format!("{written} writes\n{}", lines.join("\n")));
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
