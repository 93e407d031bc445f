use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{
    AccountId, Product, ProductDraft, ProductId,
    filter::{Page, PageRequest, ProductFilter, Sort},
};
use storage_postgres::{Database, product_delete, product_list};

use crate::support::{Room, cause, draft, money, product, product_of};

pub(crate) fn request(sort: Sort, limit: u16) -> PageRequest {
    PageRequest {
        filter: ProductFilter::default(),
        sort,
        limit,
        after: None,
        include_total: false,
    }
}

pub(crate) async fn list(database: &Database, request: &PageRequest) -> Page {
    product_list(database, AccountId::DEFAULT, request).await.unwrap()
}

pub(crate) fn names(products: &[Product]) -> Vec<&str> {
    products
        .iter()
        .map(|product| product.draft.name.as_str())
        .collect()
}

fn sorts() -> impl Iterator<Item = Sort> {
    Sort::WORDS.iter().map(|word| Sort::parse(word).unwrap()).chain([
        Sort::BEST_MATCH,
        Sort {
            descending: false,
            ..Sort::BEST_MATCH
        },
    ])
}

/// Reads a list to its end, page by page.
async fn walk(database: &Database, mut request: PageRequest) -> Vec<Product> {
    let mut products = Vec::new();
    loop {
        let page = list(database, &request).await;
        assert!(page.products.len() <= usize::from(request.limit));
        products.extend(page.products);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return products,
        }
    }
}

/// Many ties in every order.
async fn fill(room: &Room, count: usize) -> Vec<Product> {
    let mut products = Vec::new();
    for index in 0..count {
        let draft = ProductDraft {
            price: money(["5", "19.90", "20"][index % 3], "EUR"),
            description: (index % 2 == 0).then(|| "a mug like no other mug".to_owned()),
            ..draft(["Mug", "mug", "Äpfel mug", "Zebra mug"][index % 4])
        };
        products.push(room.create(&product_of(draft, index % 3)).await);
    }
    room.execute(
        "UPDATE products SET created_at = date_trunc('minute', created_at) - interval '1 hour', \
         updated_at = date_trunc('minute', updated_at) + interval '1 hour' WHERE get_byte(uuid_send(id), 15) % 2 = 0",
    )
    .await;
    products
}

fn searching(sort: Sort, limit: u16) -> PageRequest {
    PageRequest {
        filter: ProductFilter {
            words: Some("mug".to_owned()),
            ..ProductFilter::default()
        },
        ..request(sort, limit)
    }
}

#[tokio::test]
async fn every_order_shows_every_product_once_in_that_order_however_many_tie() {
    let room = Room::open().await;
    let mut expected: Vec<ProductId> = fill(&room, 40).await.iter().map(|product| product.id).collect();
    expected.sort();
    for sort in sorts() {
        let whole = walk(&room.database, searching(sort, 100)).await;
        for limit in [1, 7, 39, 40] {
            let paged = walk(&room.database, searching(sort, limit)).await;
            assert_eq!(paged, whole, "{sort:?} {limit}");
        }
        let mut ids: Vec<_> = whole.iter().map(|product| product.id).collect();
        let opposite = Sort {
            descending: !sort.descending,
            ..sort
        };
        let mut reversed = walk(&room.database, searching(opposite, 9)).await;
        reversed.reverse();
        assert_eq!(reversed, whole, "{sort:?}");
        ids.sort();
        assert_eq!(ids, expected, "{sort:?}");
    }
}

#[tokio::test]
async fn a_page_is_neither_skipped_nor_repeated_while_others_insert_and_delete() {
    let room = Room::open().await;
    let lasting = fill(&room, 60).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (database, stop) = (room.database.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut written = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    let price = money(["5", "19.90", "20"][written % 3], "EUR");
                    let name = ["Mug", "mug", "Apron for a mug", "Zebra mug"][(written + writer) % 4];
                    let new = product_of(ProductDraft { price, ..draft(name) }, 1);
                    storage_postgres::product_create(&database, &new, &cause(), None, crate::support::answer)
                        .await
                        .unwrap();
                    tokio::task::yield_now().await;
                    product_delete(&database, new.account_id, new.id, None, &cause())
                        .await
                        .unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    for sort in sorts() {
        for _ in 0..3 {
            let mut seen: HashMap<ProductId, u32> = HashMap::new();
            for product in walk(&room.database, searching(sort, 7)).await {
                *seen.entry(product.id).or_default() += 1;
            }
            assert!(
                seen.values().all(|times| *times == 1),
                "{sort:?} repeats a product"
            );
            assert!(
                lasting.iter().all(|product| seen.contains_key(&product.id)),
                "{sort:?} skips a product"
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_page_goes_on_after_a_product_that_is_gone() {
    let room = Room::open().await;
    let made = fill(&room, 10).await;
    let whole = walk(&room.database, request(Sort::NEWEST, 100)).await;
    let page = list(&room.database, &request(Sort::NEWEST, 4)).await;
    let last = &page.products[3];
    product_delete(&room.database, last.account_id, last.id, None, &cause())
        .await
        .unwrap();
    let rest = walk(
        &room.database,
        PageRequest {
            after: page.next,
            ..request(Sort::NEWEST, 4)
        },
    )
    .await;
    assert_eq!(rest, whole[4..]);
    assert_eq!(made.len(), 10);
}

#[tokio::test]
async fn names_are_in_the_order_that_people_expect() {
    let room = Room::open().await;
    for name in [
        "cherry", "Zebra", "apple", "Banana", "Äpfel", "éclair", "10 mugs", "2 mugs",
    ] {
        room.create(&product(name)).await;
    }
    let page = list(&room.database, &request(Sort::parse("name").unwrap(), 20)).await;
    assert_eq!(
        names(&page.products),
        [
            "10 mugs", "2 mugs", "Äpfel", "apple", "Banana", "cherry", "éclair", "Zebra"
        ]
    );
}

#[tokio::test]
async fn a_list_shows_what_a_single_product_shows() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 5)).await;
    storage_postgres::image_result_apply(&room.database, &crate::support::processed(&created, 2), &cause())
        .await
        .unwrap();
    let page = list(&room.database, &request(Sort::NEWEST, 20)).await;
    assert_eq!(page.products, [room.get(&created).await.unwrap()]);
    assert_eq!((page.next, page.total), (None, None));
}

#[tokio::test]
async fn the_total_counts_what_the_filter_shows_whatever_the_page() {
    let room = Room::open().await;
    fill(&room, 25).await;
    let other = room.account("other").await;
    let mut request = PageRequest {
        include_total: true,
        ..request(Sort::NEWEST, 10)
    };
    let page = list(&room.database, &request).await;
    assert_eq!((page.products.len(), page.total), (10, Some(25)));
    request.after = page.next;
    assert_eq!(list(&room.database, &request).await.total, Some(25));
    let page = product_list(&room.database, other, &request).await.unwrap();
    assert_eq!((page.products.len(), page.total), (0, Some(0)));
}
