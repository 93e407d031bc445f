use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, ProductId};
use redis::Commands as _;
use storage_redis::{Cache, Lookup, Ticket};
use testkit::{TestRedis, eventually};

use crate::support::{miss, opened};

const ACCOUNT: AccountId = AccountId::DEFAULT;

fn product(version: i64, body: &'static str) -> Lookup {
    Lookup::Product {
        version,
        body: Bytes::from_static(body.as_bytes()),
        renew: false,
    }
}

/// Four readers who all found nothing.
async fn misses(cache: &Cache, id: ProductId) -> [Ticket; 4] {
    [
        miss(cache, ACCOUNT, id).await,
        miss(cache, ACCOUNT, id).await,
        miss(cache, ACCOUNT, id).await,
        miss(cache, ACCOUNT, id).await,
    ]
}

#[tokio::test]
async fn a_product_comes_back_as_it_was() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_put(ticket, 7, "{\"name\":\"mug\"}").await);
    assert_eq!(
        cache.product_get(ACCOUNT, id).await,
        product(7, "{\"name\":\"mug\"}")
    );
}

#[tokio::test]
async fn a_product_is_seen_by_its_own_account_only() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_put(ticket, 1, "{}").await);
    miss(&cache, AccountId::generate(), id).await;
}

#[tokio::test]
async fn a_late_fill_never_overwrites_a_newer_version() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let [first, second, third, fourth] = misses(&cache, id).await;
    // The reader has version 1 in hand; then the product changes twice.
    assert!(cache.product_invalidate(ACCOUNT, id, 3).await);
    assert!(!cache.product_put(first, 1, "old").await);
    assert!(!cache.product_put(second, 2, "old").await);
    miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_put(third, 3, "new").await);
    assert!(!cache.product_put(fourth, 2, "old").await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(3, "new"));
}

#[tokio::test]
async fn an_invalidation_removes_what_is_older_and_keeps_what_is_not() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_put(ticket, 4, "four").await);
    assert!(cache.product_invalidate(ACCOUNT, id, 4).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(4, "four"));
    assert!(cache.product_invalidate(ACCOUNT, id, 5).await);
    let ticket = miss(&cache, ACCOUNT, id).await;
    // Invalidations that arrive out of order lower nothing.
    assert!(cache.product_invalidate(ACCOUNT, id, 4).await);
    assert!(!cache.product_put(ticket, 4, "four").await);
}

#[tokio::test]
async fn many_products_are_invalidated_together() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let ids: [_; 50] = std::array::from_fn(|_| ProductId::generate());
    for (version, id) in (1..).zip(ids) {
        let ticket = miss(&cache, ACCOUNT, id).await;
        assert!(cache.product_put(ticket, version, "{}").await);
    }
    // All but the first change.
    let floors: Vec<_> = (1..)
        .zip(ids)
        .map(|(version, id)| (ACCOUNT, id, version + i64::from(version > 1)))
        .collect();
    assert_eq!(cache.products_invalidate(&floors).await, vec![true; 50]);
    assert_eq!(cache.product_get(ACCOUNT, ids[0]).await, product(1, "{}"));
    for id in &ids[1..] {
        miss(&cache, ACCOUNT, *id).await;
    }
    assert!(cache.products_invalidate(&[]).await.is_empty());
}

#[tokio::test]
async fn a_missing_product_is_remembered_but_never_against_one_that_came() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let [first, second, third, _] = misses(&cache, id).await;
    assert!(cache.product_put_not_found(first).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::NotFound);
    assert!(cache.product_put(second, 1, "{}").await);
    assert!(!cache.product_put_not_found(third).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(1, "{}"));

    let id = ProductId::generate();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_invalidate(ACCOUNT, id, 1).await);
    assert!(!cache.product_put_not_found(ticket).await);
}

#[tokio::test]
async fn every_entry_ends_by_itself() {
    let redis = TestRedis::create();
    let mut config = redis.config();
    config.product_ttl = Duration::from_millis(50);
    config.not_found_ttl = Duration::from_millis(50);
    let cache = opened(config);
    let (there, gone, floor) = (
        ProductId::generate(),
        ProductId::generate(),
        ProductId::generate(),
    );
    let ticket = miss(&cache, ACCOUNT, there).await;
    assert!(cache.product_put(ticket, 1, "{}").await);
    let ticket = miss(&cache, ACCOUNT, gone).await;
    assert!(cache.product_put_not_found(ticket).await);
    let epoch = format!("{}:epoch", redis.prefix());
    eventually(Duration::from_secs(5), || async {
        (redis.keys() == [epoch.as_str()]).then_some(())
    })
    .await;

    assert!(cache.product_invalidate(ACCOUNT, floor, 2).await);
    let key = format!("{}:product:{ACCOUNT}:{floor}", redis.prefix());
    let left: i64 = redis.client().get_connection().unwrap().ttl(&key).unwrap();
    assert!((50..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn an_entry_of_another_form_is_a_miss() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let key = format!("{}:product:{ACCOUNT}:{id}", redis.prefix());
    let mut connection = redis.client().get_connection().unwrap();
    for entry in ["", "{}", "z00000000{}"] {
        let _: () = connection.set(&key, entry).unwrap();
        miss(&cache, ACCOUNT, id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_fills_at_once_the_newest_stays() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let mut tickets = Vec::new();
    let mut fills = tokio::task::JoinSet::new();
    for version in 1..=50 {
        let ticket = miss(&cache, ACCOUNT, id).await;
        tickets.push((version, ticket));
    }
    for (version, ticket) in tickets {
        let cache = cache.clone();
        fills.spawn(async move { cache.product_put(ticket, version, version.to_string()).await });
    }
    fills.join_all().await;
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(50, "50"));
}

#[tokio::test]
async fn what_a_process_in_doubt_has_read_is_not_contradicted_by_another() {
    let redis = TestRedis::create();
    let trusting = opened(redis.config());
    let doubting = opened(redis.config());
    for is_deleted in [false, true] {
        let id = ProductId::generate();
        let ticket = miss(&trusting, ACCOUNT, id).await;
        assert!(trusting.product_put(ticket, 3, "old").await);
        // Version 4, or the deletion, is committed; whoever did it has not told Redis yet.
        doubting.doubt();
        let ticket = miss(&doubting, ACCOUNT, id).await;
        if is_deleted {
            assert!(!doubting.product_put_not_found(ticket).await);
        } else {
            assert!(!doubting.product_put(ticket, 4, "new").await);
        }
        let ticket = miss(&trusting, ACCOUNT, id).await;
        assert!(!trusting.product_put(ticket, 3, "old").await);
    }
}

#[tokio::test]
async fn a_process_in_doubt_leaves_what_is_new_where_it_is() {
    let redis = TestRedis::create();
    let trusting = opened(redis.config());
    let doubting = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&trusting, ACCOUNT, id).await;
    assert!(trusting.product_put(ticket, 3, "new").await);
    doubting.doubt();
    let ticket = miss(&doubting, ACCOUNT, id).await;
    assert!(!doubting.product_put(ticket, 3, "new").await);
    assert_eq!(trusting.product_get(ACCOUNT, id).await, product(3, "new"));
}
