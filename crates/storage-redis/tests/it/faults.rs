use std::time::{Duration, Instant};

use domain::{AccountId, ProductId};
use redis::Commands as _;
use storage_redis::{Cache, CacheConfig, Lookup};
use testkit::{Mode, Proxy, TestRedis, eventually};

use crate::support::{miss, opened};

const ACCOUNT: AccountId = AccountId::DEFAULT;
const PATIENCE: Duration = Duration::from_millis(200);

struct Line {
    proxy: Proxy,
    cache: Cache,
    id: ProductId,
    /// Last, so that it ends last.
    _redis: TestRedis,
}

async fn is_known(cache: &Cache, id: ProductId) -> bool {
    !matches!(cache.product_get(ACCOUNT, id).await, Lookup::Miss(_))
}

/// A cache that reaches Redis through a line of its own, with a product in it.
async fn line() -> Line {
    let redis = TestRedis::create();
    let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let config = CacheConfig {
        host: "127.0.0.1".to_owned(),
        port: proxy.address().port(),
        response_timeout: PATIENCE,
        // What a process holds itself has tests of its own.
        near_bytes: 0,
        ..redis.config()
    };
    let cache = opened(config);
    let id = ProductId::generate();
    eventually(Duration::from_secs(5), || async {
        let ticket = miss(&cache, ACCOUNT, id).await;
        cache.product_put(ticket, 1, "{}").await.then_some(())
    })
    .await;
    assert!(is_known(&cache, id).await);
    Line {
        proxy,
        cache,
        id,
        _redis: redis,
    }
}

impl Line {
    /// Asks so many times, one after the other.
    async fn misses(&self, times: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            miss(&self.cache, ACCOUNT, self.id).await;
        }
        start.elapsed()
    }

    /// Does what the api does, once it has carried out the invalidations that waited.
    async fn until_back(&self) {
        eventually(Duration::from_secs(10), || async {
            if let (Some(token), Ok(())) = (self.cache.catching_up(), self.cache.ping().await) {
                self.cache.caught_up(token);
            }
            is_known(&self.cache, self.id).await.then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_redis_that_is_away_gives_misses_and_comes_back() {
    let line = line().await;
    line.proxy.set(Mode::Cut);
    let spent = line.misses(500).await;
    assert!(spent < PATIENCE * 15, "{spent:?}");
    let ticket = miss(&line.cache, ACCOUNT, line.id).await;
    assert!(!line.cache.product_put(ticket, 2, "{}").await);
    assert!(!line.cache.product_invalidate(ACCOUNT, line.id, 2).await);
    assert!(line.cache.ping().await.is_err());

    line.proxy.set(Mode::Pass);
    line.until_back().await;
    eventually(Duration::from_secs(5), || async { line.cache.ping().await.ok() }).await;
}

#[tokio::test]
async fn a_hanging_redis_costs_a_bounded_time() {
    let line = line().await;
    line.proxy.set(Mode::Frozen);
    // Each answer is waited for once; after a few the breaker is open.
    let spent = line.misses(500).await;
    assert!(spent < PATIENCE * 15, "{spent:?}");

    line.proxy.set(Mode::Pass);
    line.until_back().await;
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_replaced() {
    let line = line().await;
    // Younger connections are left alone, since they may still be coming about.
    let start = Instant::now();
    eventually(Duration::from_secs(10), || async {
        (start.elapsed() > Duration::from_secs(2)).then_some(())
    })
    .await;
    line.proxy.set(Mode::Silent);
    line.misses(50).await;
    line.proxy.set(Mode::Pass);
    line.until_back().await;
}

#[tokio::test]
async fn while_redis_hangs_no_request_waits_for_it() {
    let line = line().await;
    line.proxy.set(Mode::Frozen);
    line.misses(30).await;
    // The health check and the outbox find out whether it is back; requests do not.
    let mut slow = 0;
    for _ in 0..200 {
        let (spent, ping) = tokio::join!(line.misses(1), async {
            line.cache.product_invalidate(ACCOUNT, line.id, 2).await
        });
        assert!(!ping);
        slow += u32::from(spent > PATIENCE / 2);
    }
    assert_eq!(slow, 0);
}

#[tokio::test]
async fn after_an_invalidation_that_failed_nothing_is_read_from_redis_until_it_is_carried_out() {
    let line = line().await;
    line.proxy.set(Mode::Cut);
    assert!(!line.cache.product_invalidate(ACCOUNT, line.id, 2).await);
    line.proxy.set(Mode::Pass);
    eventually(Duration::from_secs(10), || async { line.cache.ping().await.ok() }).await;

    // Redis holds version 1 still, and so it must not be asked, nor filled.
    let ticket = miss(&line.cache, ACCOUNT, line.id).await;
    let token = line.cache.catching_up().unwrap();
    eventually(Duration::from_secs(10), || async {
        let floors = [(ACCOUNT, line.id, 2)];
        (line.cache.products_invalidate(&floors).await == [true]).then_some(())
    })
    .await;
    assert!(!line.cache.product_put(ticket, 2, "{}").await);
    // Some of those may have failed first, which asks for another round.
    line.cache.caught_up(token);
    if let Some(token) = line.cache.catching_up() {
        line.cache.caught_up(token);
    }
    let ticket = miss(&line.cache, ACCOUNT, line.id).await;
    assert!(line.cache.product_put(ticket, 2, "{}").await);
    assert!(is_known(&line.cache, line.id).await);
}

#[tokio::test]
async fn a_batch_that_redis_does_not_take_is_told_and_doubted() {
    let line = line().await;
    line.proxy.set(Mode::Frozen);
    let floors = [(ACCOUNT, line.id, 2), (ACCOUNT, ProductId::generate(), 5)];
    assert_eq!(line.cache.products_invalidate(&floors).await, [false, false]);
    assert!(line.cache.catching_up().is_some());
}

#[tokio::test]
async fn while_redis_is_away_the_cache_is_not_taken_into_use() {
    let line = line().await;
    line.proxy.set(Mode::Cut);
    line.misses(30).await;
    let token = line.cache.catching_up().unwrap();
    line.cache.caught_up(token);
    assert!(line.cache.catching_up().is_some());
}

#[tokio::test]
async fn a_process_that_starts_begins_by_catching_up() {
    let redis = TestRedis::create();
    let filled = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&filled, ACCOUNT, id).await;
    assert!(filled.product_put(ticket, 1, "{}").await);

    let cache = Cache::new(redis.config()).unwrap();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(!cache.product_put(ticket, 1, "{}").await);
    cache.caught_up(cache.catching_up().unwrap());
    assert!(is_known(&cache, id).await);
}

#[tokio::test]
async fn a_fill_that_began_before_redis_lost_everything_is_refused() {
    let redis = TestRedis::create();
    let cache = opened(redis.config());
    let id = ProductId::generate();
    let ticket = miss(&cache, ACCOUNT, id).await;
    assert!(cache.product_invalidate(ACCOUNT, id, 2).await);
    // Restarted without its data, Redis knows neither the floor nor the epoch.
    let mut connection = redis.client().get_connection().unwrap();
    let _: () = connection.del(redis.keys()).unwrap();
    assert!(!cache.product_put(ticket, 1, "old").await);

    // Nor once others have begun a new epoch.
    let late = miss(&cache, ACCOUNT, id).await;
    let _: () = connection.del(redis.keys()).unwrap();
    let fresh = miss(&cache, ACCOUNT, id).await;
    assert!(!cache.product_put(late, 1, "old").await);
    assert!(cache.product_put(fresh, 2, "new").await);
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_no_error() {
    let redis = TestRedis::create();
    let config = CacheConfig {
        host: "127.0.0.1".to_owned(),
        port: testkit::free_port(),
        response_timeout: PATIENCE,
        // What a process holds itself has tests of its own.
        near_bytes: 0,
        ..redis.config()
    };
    let cache = Cache::new(config).unwrap();
    cache.caught_up(cache.catching_up().unwrap());
    miss(&cache, ACCOUNT, ProductId::generate()).await;
    assert!(cache.ping().await.is_err());
}

#[tokio::test]
async fn a_slow_redis_within_the_bounds_is_used() {
    let line = line().await;
    line.proxy.set(Mode::Delay(Duration::from_millis(20)));
    for _ in 0..10 {
        assert!(is_known(&line.cache, line.id).await);
    }
}
