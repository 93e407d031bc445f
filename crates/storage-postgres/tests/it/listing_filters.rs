use chrono::TimeDelta;
use domain::{
    Currency, ImagesStatus, ProductDraft, ProductStatus,
    filter::{PageRequest, ProductFilter, Sort},
};
use storage_postgres::{image_result_apply, product_list};

use crate::{
    listing::{list, names, request},
    support::{Room, cause, draft, failed, money, processed, product, product_of, started},
};

/// The names that a filter shows, the oldest first.
async fn shown(room: &Room, filter: ProductFilter) -> Vec<String> {
    let request = PageRequest {
        filter,
        include_total: true,
        ..request(Sort::parse("created_at").unwrap(), 100)
    };
    let page = list(&room.database, &request).await;
    assert_eq!(page.total, i64::try_from(page.products.len()).ok());
    names(&page.products).into_iter().map(str::to_owned).collect()
}

fn all() -> ProductFilter {
    ProductFilter::default()
}

fn part(part: &str) -> ProductFilter {
    ProductFilter {
        name_part: Some(part.to_owned()),
        ..all()
    }
}

fn words(words: &str) -> ProductFilter {
    ProductFilter {
        words: Some(words.to_owned()),
        ..all()
    }
}

#[tokio::test]
async fn a_part_of_the_name_is_found_in_any_case() {
    let room = Room::open().await;
    for name in ["Enamel Mug", "mugs", "ÄPFEL", "Straße", "cup"] {
        room.create(&product(name)).await;
    }
    assert_eq!(shown(&room, part("MUG")).await, ["Enamel Mug", "mugs"]);
    assert_eq!(shown(&room, part("äpf")).await, ["ÄPFEL"]);
    assert_eq!(shown(&room, part("raß")).await, ["Straße"]);
    assert_eq!(shown(&room, part("l m")).await, ["Enamel Mug"]);
    assert!(shown(&room, part("tea")).await.is_empty());
}

#[tokio::test]
async fn percent_underscore_and_backslash_mean_themselves() {
    let room = Room::open().await;
    for name in ["100% wool", "100 wool", "a_b", "aXb", r"back\slash", "it's"] {
        room.create(&product(name)).await;
    }
    assert_eq!(shown(&room, part("100%")).await, ["100% wool"]);
    assert_eq!(shown(&room, part("0% w")).await, ["100% wool"]);
    assert_eq!(shown(&room, part("a_b")).await, ["a_b"]);
    assert_eq!(shown(&room, part(r"k\s")).await, [r"back\slash"]);
    assert_eq!(shown(&room, part(r"\")).await, [r"back\slash"]);
    assert_eq!(shown(&room, part("'")).await, ["it's"]);
    assert_eq!(shown(&room, part("%")).await, ["100% wool"]);
    assert_eq!(shown(&room, part("_")).await, ["a_b"]);
}

#[tokio::test]
async fn a_text_that_no_product_can_hold_finds_nothing() {
    let room = Room::open().await;
    room.create(&product("Mug")).await;
    assert!(shown(&room, part("\0")).await.is_empty());
    assert!(shown(&room, words("mug\0")).await.is_empty());
}

#[tokio::test]
async fn sku_and_states_are_found_exactly() {
    let room = Room::open().await;
    for (name, sku, status) in [
        ("a", Some("A-1"), ProductStatus::Draft),
        ("b", Some("a-1"), ProductStatus::Active),
        ("c", None, ProductStatus::Archived),
    ] {
        let draft = ProductDraft {
            sku: sku.map(str::to_owned),
            status,
            ..draft(name)
        };
        room.create(&product_of(draft, 0)).await;
    }
    let sku = |sku: &str| ProductFilter {
        sku: Some(sku.to_owned()),
        ..all()
    };
    assert_eq!(shown(&room, sku("A-1")).await, ["a"]);
    assert!(shown(&room, sku("A-%")).await.is_empty());
    let states = |statuses: &[ProductStatus]| ProductFilter {
        statuses: statuses.to_vec(),
        ..all()
    };
    assert_eq!(shown(&room, states(&[])).await, ["a", "b", "c"]);
    assert_eq!(shown(&room, states(&[ProductStatus::Active])).await, ["b"]);
    assert_eq!(
        shown(&room, states(&[ProductStatus::Archived, ProductStatus::Draft])).await,
        ["a", "c"]
    );
    let both = ProductFilter {
        sku: Some("a-1".to_owned()),
        ..states(&[ProductStatus::Draft])
    };
    assert!(shown(&room, both).await.is_empty());
}

#[tokio::test]
async fn products_are_found_by_how_far_their_images_are() {
    let room = Room::open().await;
    let mut made = Vec::new();
    for name in ["none", "pending", "processing", "ready", "partial", "failed"] {
        made.push(
            room.create(&product_of(draft(name), if name == "none" { 0 } else { 2 }))
                .await,
        );
    }
    for result in [
        started(&made[2], 0, 1),
        processed(&made[3], 0),
        processed(&made[3], 1),
        processed(&made[4], 0),
        failed(&made[4], 1),
        failed(&made[5], 0),
        failed(&made[5], 1),
    ] {
        image_result_apply(&room.database, &result, &cause())
            .await
            .unwrap();
    }
    for status in ImagesStatus::ALL {
        let filter = ProductFilter {
            images_statuses: vec![*status],
            ..all()
        };
        assert_eq!(shown(&room, filter).await, [status.as_str()]);
    }
    let several = ProductFilter {
        images_statuses: vec![ImagesStatus::Failed, ImagesStatus::Partial],
        ..all()
    };
    assert_eq!(shown(&room, several).await, ["partial", "failed"]);
}

#[tokio::test]
async fn prices_are_compared_within_one_currency() {
    let room = Room::open().await;
    for (name, amount, currency) in [
        ("cheap", "9.99", "EUR"),
        ("even", "10", "EUR"),
        ("dear", "10.01", "EUR"),
        ("yen", "10", "JPY"),
    ] {
        let draft = ProductDraft {
            price: money(amount, currency),
            ..draft(name)
        };
        room.create(&product_of(draft, 0)).await;
    }
    let between = |min: Option<&str>, max: Option<&str>| ProductFilter {
        currency: Currency::parse("EUR").ok(),
        min_price: min.map(|amount| amount.parse().unwrap()),
        max_price: max.map(|amount| amount.parse().unwrap()),
        ..all()
    };
    assert_eq!(shown(&room, between(None, None)).await, ["cheap", "even", "dear"]);
    assert_eq!(shown(&room, between(Some("10"), None)).await, ["even", "dear"]);
    assert_eq!(
        shown(&room, between(None, Some("10.00"))).await,
        ["cheap", "even"]
    );
    assert_eq!(
        shown(&room, between(Some("10.00001"), Some("10.01"))).await,
        ["dear"]
    );
    let any = ProductFilter {
        currency: None,
        ..between(Some("10"), None)
    };
    assert_eq!(shown(&room, any).await, ["cheap", "even", "dear", "yen"]);
}

#[tokio::test]
async fn times_are_exact_to_the_microsecond_and_bounds_do_not_count() {
    let room = Room::open().await;
    let first = room.create(&product("first")).await;
    let second = room.create(&product("second")).await;
    let after = |time| ProductFilter {
        created_after: Some(time),
        updated_after: Some(time),
        ..all()
    };
    let before = |time| ProductFilter {
        created_before: Some(time),
        updated_before: Some(time),
        ..all()
    };
    let microsecond = TimeDelta::microseconds(1);
    assert_eq!(shown(&room, after(first.created_at)).await, ["second"]);
    assert_eq!(
        shown(&room, after(first.created_at - microsecond)).await,
        ["first", "second"]
    );
    assert_eq!(shown(&room, before(second.created_at)).await, ["first"]);
    assert_eq!(
        shown(&room, before(second.created_at + microsecond)).await,
        ["first", "second"]
    );
}

#[tokio::test]
async fn words_are_found_in_name_sku_and_description_and_the_best_match_is_first() {
    let room = Room::open().await;
    for (name, sku, description) in [
        ("Teapot", None, Some("Goes with every mug, and with cups")),
        ("Enamel mug", None, Some("A mug")),
        ("Große Tasse", Some("MUG-01"), None),
        ("Plate", None, None),
    ] {
        let draft = ProductDraft {
            sku: sku.map(str::to_owned),
            description: description.map(str::to_owned),
            ..draft(name)
        };
        room.create(&product_of(draft, 0)).await;
    }
    let best = async |text: &str| {
        let request = PageRequest {
            filter: words(text),
            ..request(Sort::BEST_MATCH, 20)
        };
        let page = list(&room.database, &request).await;
        names(&page.products)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(best("mug").await, ["Enamel mug", "Große Tasse", "Teapot"]);
    assert_eq!(best("MUG").await, best("mug").await);
    assert_eq!(best("GROSSE").await, Vec::<String>::new());
    assert_eq!(best("GROßE").await, ["Große Tasse"]);
    assert_eq!(best("mug-01").await, ["Große Tasse"]);
    assert_eq!(best("mug cups").await, ["Teapot"]);
    assert_eq!(best("mug -cups -01").await.len(), 2);
    assert_eq!(best("plate or cups").await.len(), 2);
    assert_eq!(best("\"every mug\"").await, ["Teapot"]);
    for odd in ["", "'", "\"", "&|!<->():*", "\\", "%", "-", "or"] {
        best(odd).await;
    }
}

#[tokio::test]
async fn another_account_finds_nothing_by_any_filter() {
    let room = Room::open().await;
    let other = room.account("other").await;
    let draft = ProductDraft {
        sku: Some("MUG-01".to_owned()),
        ..draft("Enamel mug")
    };
    room.create(&product_of(draft, 1)).await;
    let filters = [
        all(),
        words("mug"),
        part("mug"),
        ProductFilter {
            sku: Some("MUG-01".to_owned()),
            ..all()
        },
        ProductFilter {
            statuses: vec![ProductStatus::Active],
            images_statuses: vec![ImagesStatus::Pending],
            currency: Currency::parse("EUR").ok(),
            ..all()
        },
    ];
    for filter in filters {
        assert_eq!(shown(&room, filter.clone()).await, ["Enamel mug"], "{filter:?}");
        let request = PageRequest {
            filter,
            include_total: true,
            ..request(Sort::NEWEST, 20)
        };
        let page = product_list(&room.database, other, &request).await.unwrap();
        assert_eq!((page.products.len(), page.total), (0, Some(0)));
    }
}
