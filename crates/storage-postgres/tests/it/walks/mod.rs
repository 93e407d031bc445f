//! Lists that are read from the first page to the last while others write.

mod scale;
mod writers;

use std::collections::HashMap;

use domain::{
    AccountId, Currency, ProductId,
    filter::{PageRequest, ProductFilter, Sort, SortKey},
};
use storage_postgres::{Database, product_list};

use self::writers::Writers;
use crate::support::Room;

/// Every order that a search for this word can have.
const WORD: &str = "mug";

fn sorts() -> impl Iterator<Item = Sort> {
    let named = Sort::WORDS.iter().filter_map(|word| Sort::parse(word));
    named.chain([Sort::BEST_MATCH])
}

fn first(sort: Sort, limit: u16) -> PageRequest {
    let words = (sort.key == SortKey::Relevance).then(|| WORD.to_owned());
    PageRequest {
        filter: ProductFilter {
            words,
            currency: (sort.key == SortKey::Price).then(|| Currency::parse("USD").unwrap()),
            ..ProductFilter::default()
        },
        sort,
        limit,
        after: None,
        include_total: false,
    }
}

/// What writers do to products, by the first letter of their description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    /// Nothing.
    Still,
    /// They get other prices.
    Repriced,
    /// They get other names.
    Renamed,
    /// They are deleted, or came later.
    Passing,
}

impl Group {
    /// True where the place in this order stays as it is.
    fn keeps_its_place(self, key: SortKey) -> bool {
        match (self, key) {
            (Self::Passing, _) => false,
            (Self::Still, _) | (_, SortKey::CreatedAt) => true,
            (_, SortKey::UpdatedAt) => false,
            (Self::Repriced, key) => key != SortKey::Price,
            (Self::Renamed, key) => key == SortKey::Price,
        }
    }
}

/// Reads a list to its end, or to what was written after the walk began, and counts how often each product was seen.
async fn walk(
    database: &Database,
    account: AccountId,
    mut request: PageRequest,
    mut page_read: impl FnMut(),
) -> HashMap<ProductId, u32> {
    let begun = chrono::Utc::now();
    let mut seen = HashMap::new();
    loop {
        let page = product_list(database, account, &request).await.unwrap();
        page_read();
        for product in &page.products {
            *seen.entry(product.id).or_default() += 1;
        }
        // Who follows the changes as they come reaches no end while there are more.
        let caught_up = page.products.last().is_none_or(|last| match request.sort.key {
            SortKey::CreatedAt => last.created_at > begun,
            SortKey::UpdatedAt => last.updated_at > begun,
            _ => false,
        });
        match page.next {
            Some(next) if request.sort.descending || !caught_up => request.after = Some(next),
            _ => return seen,
        }
    }
}

/// Asserts that whatever kept its place was seen once, and nothing of that twice.
fn judge(seen: &HashMap<ProductId, u32>, lasting: &HashMap<ProductId, Group>, key: SortKey) {
    for (id, group) in lasting {
        let times = seen.get(id).copied().unwrap_or_default();
        assert!(
            times == 1 || !group.keeps_its_place(key),
            "{key:?}: {id} ({group:?}) was seen {times} times"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_and_keeps_its_place_is_seen_once_by_every_walk_while_eight_write() {
    let room = Room::open().await;
    room.execute(writers::THREE_THOUSAND).await;
    let account = AccountId::DEFAULT;
    let writers = Writers::start(&room.config(), account, 8).await;
    for sort in sorts() {
        let seen = walk(&room.database, account, first(sort, 100), || {}).await;
        judge(&seen, &writers.lasting, sort.key);
    }
    let written = writers.stop().await;
    assert!(written > 100, "{written}");
}
