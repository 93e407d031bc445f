use std::time::{Duration, Instant};

use domain::{AccountId, ProductId};
use storage_redis::{Cache, CacheConfig, Lookup};
use testkit::{Mode, Proxy, TestRedis, eventually};

const ACCOUNT: AccountId = AccountId::DEFAULT;
const PATIENCE: Duration = Duration::from_millis(200);

struct Line {
    proxy: Proxy,
    cache: Cache,
    id: ProductId,
    /// Last, so that it ends last.
    _redis: TestRedis,
}

/// A cache that reaches Redis through a line of its own, with a product in it.
async fn line() -> Line {
    let redis = TestRedis::create();
    let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let config = CacheConfig {
        host: "127.0.0.1".to_owned(),
        port: proxy.address().port(),
        response_timeout: PATIENCE,
        ..redis.config()
    };
    let cache = Cache::new(config).unwrap();
    let id = ProductId::generate();
    eventually(Duration::from_secs(5), || async {
        cache.product_put(ACCOUNT, id, 1, b"{}").await.then_some(())
    })
    .await;
    assert_ne!(cache.product_get(ACCOUNT, id).await, Lookup::Miss);
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
            assert_eq!(self.cache.product_get(ACCOUNT, self.id).await, Lookup::Miss);
        }
        start.elapsed()
    }

    async fn until_back(&self) {
        eventually(Duration::from_secs(10), || async {
            (self.cache.product_get(ACCOUNT, self.id).await != Lookup::Miss).then_some(())
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
    assert!(!line.cache.product_put(ACCOUNT, line.id, 2, b"{}").await);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_hangs_one_request_at_a_time_finds_out() {
    let line = line().await;
    line.proxy.set(Mode::Frozen);
    line.misses(30).await;
    // The breaker tries again every second; callers must not wait for that.
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (cache, id) = (line.cache.clone(), line.id);
        asking.spawn(async move {
            let end = Instant::now() + Duration::from_millis(2_500);
            let mut slow = 0;
            while Instant::now() < end {
                let start = Instant::now();
                assert_eq!(cache.product_get(ACCOUNT, id).await, Lookup::Miss);
                slow += u32::from(start.elapsed() > PATIENCE / 2);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slow
        });
    }
    let slow: u32 = asking.join_all().await.into_iter().sum();
    assert!(slow <= 6, "{slow} requests were slow");
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_no_error() {
    let redis = TestRedis::create();
    let config = CacheConfig {
        host: "127.0.0.1".to_owned(),
        port: testkit::free_port(),
        response_timeout: PATIENCE,
        ..redis.config()
    };
    let cache = Cache::new(config).unwrap();
    assert_eq!(
        cache.product_get(ACCOUNT, ProductId::generate()).await,
        Lookup::Miss
    );
    assert!(cache.ping().await.is_err());
}

#[tokio::test]
async fn a_slow_redis_within_the_bounds_is_used() {
    let line = line().await;
    line.proxy.set(Mode::Delay(Duration::from_millis(20)));
    for _ in 0..10 {
        assert_ne!(line.cache.product_get(ACCOUNT, line.id).await, Lookup::Miss);
    }
}
