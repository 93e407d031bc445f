use std::time::Duration;

use futures_util::future::join_all;
use storage_redis::{CacheConfig, Quota, RateLimiter};
use testkit::{Mode, Proxy, TestRedis, eventually};

/// So slow that nothing comes back while a test runs.
const SLOW: Quota = Quota {
    burst: 10,
    interval: Duration::from_secs(3_600),
};

#[tokio::test]
async fn of_many_calls_through_many_processes_no_more_than_the_burst_are_allowed() {
    let redis = TestRedis::create();
    let limiters: Vec<_> = (0..4)
        .map(|_| RateLimiter::new(&redis.config()).unwrap())
        .collect();
    let calls = (0..40).map(|number| limiters[number % 4].take("key:1", SLOW));
    let taken: Vec<_> = join_all(calls).await.into_iter().map(Option::unwrap).collect();
    let allowed: Vec<_> = taken.iter().filter(|taken| taken.is_allowed).collect();
    assert_eq!(allowed.len(), 10);
    let mut remaining: Vec<u32> = allowed.iter().map(|taken| taken.remaining).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..10).collect::<Vec<_>>());
    let refused = taken.iter().find(|taken| !taken.is_allowed).unwrap();
    assert!(refused.retry_after > SLOW.interval / 2 && refused.retry_after <= SLOW.interval);

    // Others have buckets of their own.
    assert!(limiters[0].take("key:2", SLOW).await.unwrap().is_allowed);
}

#[tokio::test]
async fn what_was_taken_comes_back_in_time_and_the_bucket_is_forgotten() {
    let redis = TestRedis::create();
    let limiter = RateLimiter::new(&redis.config()).unwrap();
    let quick = Quota {
        burst: 1,
        interval: Duration::from_millis(300),
    };
    assert!(limiter.take("key", quick).await.unwrap().is_allowed);
    assert!(!limiter.take("key", quick).await.unwrap().is_allowed);
    eventually(Duration::from_secs(5), async || {
        limiter.take("key", quick).await.unwrap().is_allowed.then_some(())
    })
    .await;
    eventually(Duration::from_secs(5), async || {
        redis.entries().unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_redis_nothing_is_counted_here_and_the_caller_hears_of_it_in_time() {
    let redis = TestRedis::create();
    let proxy = Proxy::start(format!("{}:{}", redis.host, redis.port)).await;
    let config = CacheConfig {
        port: proxy.address().port(),
        response_timeout: Duration::from_millis(200),
        ..redis.config()
    };
    let limiter = RateLimiter::new(&config).unwrap();
    eventually(Duration::from_secs(5), async || limiter.take("key", SLOW).await).await;
    proxy.set(Mode::Cut);
    let asked = tokio::time::timeout(Duration::from_secs(5), limiter.take("key", SLOW)).await;
    assert_eq!(asked.unwrap(), None);
}
