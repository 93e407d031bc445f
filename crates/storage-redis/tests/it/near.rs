//! A process's own memory, beside that of others.

use std::time::{Duration, Instant};

use domain::{AccountId, ProductId};
use redis::Commands as _;
use storage_redis::{Cache, CacheConfig, Lookup};
use testkit::{Mode, Proxy, TestRedis, eventually};

use crate::support::{miss, opened};

const ACCOUNT: AccountId = AccountId::DEFAULT;
const SOON: Duration = Duration::from_secs(20);
/// How long a process may go by what it holds, as the code has it, and what tests allow beside it on a busy machine.
const LEASE: Duration = Duration::from_millis(400);

async fn fill(cache: &Cache, id: ProductId, version: i64) {
    let ticket = miss(cache, ACCOUNT, id).await;
    assert!(cache.product_put(ticket, version, format!("v{version}")).await);
}

async fn version(cache: &Cache, id: ProductId) -> Option<i64> {
    match cache.product_get(ACCOUNT, id).await {
        Lookup::Product { version, .. } => Some(version),
        Lookup::NotFound | Lookup::Miss(_) => None,
    }
}

fn forget_in_redis(redis: &TestRedis, id: ProductId) {
    let mut connection = redis.client().get_connection().unwrap();
    let key = format!("{}:product:{ACCOUNT}:{id}", redis.prefix());
    let _: () = connection.del(key).unwrap();
}

/// Waits until a process answers from its own memory.
async fn is_held(redis: &TestRedis, cache: &Cache) {
    let id = ProductId::generate();
    eventually(SOON, async || {
        if version(cache, id).await.is_none() {
            fill(cache, id, 1).await;
        }
        forget_in_redis(redis, id);
        version(cache, id).await
    })
    .await;
}

/// Two processes that hold things.
async fn two(redis: &TestRedis, config: CacheConfig) -> (Cache, Cache) {
    let (one, other) = (opened(redis.config()), opened(config));
    is_held(redis, &one).await;
    is_held(redis, &other).await;
    (one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_answered_once_no_process_holds_what_was_before_it() {
    let redis = TestRedis::create();
    let (writer, reader) = two(&redis, redis.config()).await;
    let id = ProductId::generate();
    for old in 1..200 {
        fill(&reader, id, old).await;
        assert_eq!(version(&reader, id).await, Some(old));
        assert!(writer.product_invalidate(ACCOUNT, id, old + 1).await);
        assert_eq!(version(&reader, id).await, None, "version {old} is out of date");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_began_before_a_change_is_refused_in_every_process() {
    let redis = TestRedis::create();
    let (writer, reader) = two(&redis, redis.config()).await;
    let id = ProductId::generate();
    let (ours, theirs) = (miss(&writer, ACCOUNT, id).await, miss(&reader, ACCOUNT, id).await);
    assert!(writer.product_invalidate(ACCOUNT, id, 2).await);
    assert!(!writer.product_put(ours, 1, "old").await);
    assert!(!reader.product_put(theirs, 1, "old").await);
    assert_eq!(
        (version(&writer, id).await, version(&reader, id).await),
        (None, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hears_nothing_answers_nothing_from_its_memory_and_keeps_nobody_waiting_for_long() {
    for mode in [Mode::Frozen, Mode::Cut] {
        let redis = TestRedis::create();
        let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
        let far = CacheConfig {
            host: proxy.address().ip().to_string(),
            port: proxy.address().port(),
            ..redis.config()
        };
        let (writer, reader) = two(&redis, far).await;
        let id = ProductId::generate();
        fill(&reader, id, 1).await;
        assert_eq!(version(&reader, id).await, Some(1));
        proxy.set(mode);
        let begun = Instant::now();
        assert!(writer.product_invalidate(ACCOUNT, id, 2).await);
        assert!(begun.elapsed() < LEASE + SOON / 4, "{:?}", begun.elapsed());
        assert_eq!(version(&reader, id).await, None);
        proxy.set(Mode::Pass);
        eventually(SOON, async || {
            if let Some(token) = reader.catching_up() {
                let _ = reader.ping().await;
                reader.caught_up(token);
            }
            let found = reader.product_get(ACCOUNT, id).await;
            let Lookup::Miss(ticket) = found else {
                panic!("{found:?}")
            };
            reader.product_put(ticket, 2, "new").await.then_some(())
        })
        .await;
        is_held(&redis, &reader).await;
        assert_eq!(version(&reader, id).await, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_soon_is_to_be_renewed_by_one() {
    let redis = TestRedis::create();
    let config = CacheConfig {
        product_ttl: Duration::from_secs(5),
        ..redis.config()
    };
    let cache = opened(config);
    is_held(&redis, &cache).await;
    let id = ProductId::generate();
    fill(&cache, id, 1).await;
    let renew = async || match cache.product_get(ACCOUNT, id).await {
        Lookup::Product { renew, .. } => renew,
        other => panic!("it ended without a renewal: {other:?}"),
    };
    eventually(SOON, async || renew().await.then_some(())).await;
    for _ in 0..20 {
        assert!(!renew().await);
    }
    let ticket = cache.product_renew(ACCOUNT, id).await;
    assert!(cache.product_put(ticket, 1, "v1").await);
    assert!(!renew().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_reads_what_all_miss_and_the_others_take_what_it_fills_in() {
    let redis = TestRedis::create();
    let (one, other) = two(&redis, redis.config()).await;
    let id = ProductId::generate();
    let (first, second) = (miss(&one, ACCOUNT, id).await, miss(&other, ACCOUNT, id).await);
    assert_eq!(one.product_await(&first).await, None);
    let (taken, ()) = tokio::join!(other.product_await(&second), async {
        assert!(one.product_put(first, 1, "v1").await);
    });
    assert!(
        matches!(taken, Some(Lookup::Product { version: 1, .. })),
        "{taken:?}"
    );
    // The leave ended with the fill.
    assert!(one.product_invalidate(ACCOUNT, id, 2).await);
    let third = miss(&other, ACCOUNT, id).await;
    assert_eq!(other.product_await(&third).await, None);
    // Nobody waits for ever for one who never fills in.
    let fourth = miss(&one, ACCOUNT, id).await;
    assert_eq!(one.product_await(&fourth).await, None);
}
