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
    let named = Sort::WORDS.iter().map(|word| Sort::parse(word).unwrap());
    named.chain([Sort::BEST_MATCH])
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
        if sort != Sort::BEST_MATCH {
            let opposite = Sort {
                descending: !sort.descending,
                ..sort
            };
            let mut reversed = walk(&room.database, searching(opposite, 9)).await;
            reversed.reverse();
            assert_eq!(reversed, whole, "{sort:?}");
        }
        ids.sort();
        assert_eq!(ids, expected, "{sort:?}");
    }
}

#[tokio::test]
async fn a_page_goes_on_after_a_product_that_is_gone() {
    let room = Room::open().await;
    fill(&room, 40).await;
    for sort in sorts() {
        let whole = walk(&room.database, searching(sort, 100)).await;
        let page = list(&room.database, &searching(sort, 4)).await;
        let last = &page.products[3];
        product_delete(&room.database, last.account_id, last.id, None, &cause())
            .await
            .unwrap();
        let rest = PageRequest {
            after: page.next,
            ..searching(sort, 4)
        };
        assert_eq!(walk(&room.database, rest).await, whole[4..], "{sort:?}");
    }
}

#[tokio::test]
async fn the_newest_matches_are_ranked_and_all_older_ones_follow() {
    let room = Room::open().await;
    // Every tenth names the word, which ranks it higher than a description does.
    room.execute(
        "INSERT INTO products (id, account_id, name, description, price_amount, price_currency, status, images_status, \
                               created_at) \
         SELECT gen_random_uuid(), '01900000-0000-7000-8000-000000000001', \
                CASE WHEN number % 10 = 0 THEN 'mug ' ELSE 'plate ' END || number, 'beside a mug', 1, 'USD', 'active', \
                'none', now() - interval '1 minute' * number \
         FROM generate_series(1, 300) AS number",
    )
    .await;
    for limit in [20, 45, 100] {
        let products = walk(&room.database, searching(Sort::BEST_MATCH, limit)).await;
        let named: Vec<_> = names(&products)
            .into_iter()
            .map(|name| name.starts_with("mug"))
            .collect();
        assert_eq!(named[..200], [vec![true; 20], vec![false; 180]].concat());
        let older: Vec<_> = names(&products)[200..]
            .iter()
            .map(|name| name.split_once(' ').unwrap().1.to_owned())
            .collect();
        assert_eq!(
            older,
            (201..=300).map(|number| number.to_string()).collect::<Vec<_>>()
        );
    }
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
