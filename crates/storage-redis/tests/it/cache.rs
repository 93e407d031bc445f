use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, ProductId};
use redis::Commands as _;
use storage_redis::{Cache, Lookup};
use testkit::{TestRedis, eventually};

const ACCOUNT: AccountId = AccountId::DEFAULT;

fn product(version: i64, body: &'static str) -> Lookup {
    Lookup::Product {
        version,
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[tokio::test]
async fn a_product_comes_back_as_it_was() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::Miss);
    assert!(cache.product_put(ACCOUNT, id, 7, b"{\"name\":\"mug\"}").await);
    assert_eq!(
        cache.product_get(ACCOUNT, id).await,
        product(7, "{\"name\":\"mug\"}")
    );
}

#[tokio::test]
async fn a_product_is_seen_by_its_own_account_only() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    assert!(cache.product_put(ACCOUNT, id, 1, b"{}").await);
    assert_eq!(cache.product_get(AccountId::generate(), id).await, Lookup::Miss);
}

#[tokio::test]
async fn a_late_fill_never_overwrites_a_newer_version() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    // The reader has version 1 in hand; then the product changes twice.
    assert!(cache.product_invalidate(ACCOUNT, id, 3).await);
    assert!(!cache.product_put(ACCOUNT, id, 1, b"old").await);
    assert!(!cache.product_put(ACCOUNT, id, 2, b"old").await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::Miss);
    assert!(cache.product_put(ACCOUNT, id, 3, b"new").await);
    assert!(!cache.product_put(ACCOUNT, id, 2, b"old").await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(3, "new"));
}

#[tokio::test]
async fn an_invalidation_removes_what_is_older_and_keeps_what_is_not() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    assert!(cache.product_put(ACCOUNT, id, 4, b"four").await);
    assert!(cache.product_invalidate(ACCOUNT, id, 4).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(4, "four"));
    assert!(cache.product_invalidate(ACCOUNT, id, 5).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::Miss);
    // Invalidations that arrive out of order lower nothing.
    assert!(cache.product_invalidate(ACCOUNT, id, 4).await);
    assert!(!cache.product_put(ACCOUNT, id, 4, b"four").await);
}

#[tokio::test]
async fn a_missing_product_is_remembered_but_never_against_one_that_came() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    assert!(cache.product_put_not_found(ACCOUNT, id).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::NotFound);
    assert!(cache.product_put(ACCOUNT, id, 1, b"{}").await);
    assert!(!cache.product_put_not_found(ACCOUNT, id).await);
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(1, "{}"));

    let id = ProductId::generate();
    assert!(cache.product_invalidate(ACCOUNT, id, 1).await);
    assert!(!cache.product_put_not_found(ACCOUNT, id).await);
}

#[tokio::test]
async fn every_entry_ends_by_itself() {
    let redis = TestRedis::create();
    let mut config = redis.config();
    config.product_ttl = Duration::from_millis(50);
    config.not_found_ttl = Duration::from_millis(50);
    let cache = Cache::new(config).unwrap();
    let (there, gone, floor) = (
        ProductId::generate(),
        ProductId::generate(),
        ProductId::generate(),
    );
    assert!(cache.product_put(ACCOUNT, there, 1, b"{}").await);
    assert!(cache.product_put_not_found(ACCOUNT, gone).await);
    eventually(Duration::from_secs(5), || async {
        redis.keys().is_empty().then_some(())
    })
    .await;

    assert!(cache.product_invalidate(ACCOUNT, floor, 2).await);
    let keys = redis.keys();
    assert_eq!(keys, [format!("{}:product:{ACCOUNT}:{floor}", redis.prefix())]);
    let left: i64 = redis.client().get_connection().unwrap().ttl(&keys[0]).unwrap();
    assert!((50..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn an_entry_of_another_form_is_a_miss() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    let key = format!("{}:product:{ACCOUNT}:{id}", redis.prefix());
    let mut connection = redis.client().get_connection().unwrap();
    for entry in ["", "{}", "z00000000{}"] {
        let _: () = connection.set(&key, entry).unwrap();
        assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::Miss, "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_fills_at_once_the_newest_stays() {
    let redis = TestRedis::create();
    let cache = Cache::new(redis.config()).unwrap();
    let id = ProductId::generate();
    let mut fills = tokio::task::JoinSet::new();
    for version in 1..=50 {
        let cache = cache.clone();
        fills.spawn(async move {
            cache
                .product_put(ACCOUNT, id, version, version.to_string().as_bytes())
                .await
        });
    }
    fills.join_all().await;
    assert_eq!(cache.product_get(ACCOUNT, id).await, product(50, "50"));
}
