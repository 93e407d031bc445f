use std::time::{Duration, Instant};

use bytes::Bytes;
use storage_s3::{CACHE_IMMUTABLE, Error, ObjectStore, S3Config};
use testkit::{Mode, Origin, Proxy, Reply, TestBucket, eventually, services};

/// For anything that should have happened long before.
const DEADLINE: Duration = Duration::from_secs(30);

async fn through(proxy: &Proxy, bucket: &TestBucket, request_timeout: Duration) -> ObjectStore {
    let config = S3Config {
        endpoint: Some(format!("http://{}", proxy.address())),
        request_timeout,
        ..bucket.config()
    };
    ObjectStore::new(config).await.unwrap()
}

async fn proxy() -> Proxy {
    Proxy::start(services().s3_endpoint.trim_start_matches("http://")).await
}

async fn put(store: &ObjectStore) -> Result<(), Error> {
    store
        .object_put(
            "originals/a/1",
            Bytes::from_static(b"x"),
            "image/png",
            CACHE_IMMUTABLE,
        )
        .await
}

#[tokio::test]
async fn wrong_credentials_are_told_from_a_service_that_is_away() {
    let bucket = TestBucket::create().await;
    let mut config = bucket.config();
    config.secret_access_key = Some("wrong".to_owned().into());
    let store = ObjectStore::new(config).await.unwrap();
    for error in [store.check().await.unwrap_err(), put(&store).await.unwrap_err()] {
        assert!(matches!(error, Error::AccessDenied { .. }), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }

    let mut config = bucket.config();
    config.endpoint = Some(format!("http://127.0.0.1:{}", testkit::free_port()));
    let store = ObjectStore::new(config).await.unwrap();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_answers_passes_the_check() {
    let bucket = TestBucket::create().await;
    bucket.store().await.check().await.unwrap();
}

#[tokio::test]
async fn a_short_outage_is_not_seen() {
    let bucket = TestBucket::create().await;
    let proxy = proxy().await;
    let store = through(&proxy, &bucket, Duration::from_secs(10)).await;
    put(&store).await.unwrap();
    proxy.set(Mode::Cut);
    let (stored, ()) = tokio::join!(put(&store), async {
        eventually(DEADLINE, || async { (proxy.turned_away() > 0).then_some(()) }).await;
        proxy.set(Mode::Pass);
    });
    stored.unwrap();
}

#[tokio::test]
async fn a_failing_service_is_asked_a_few_times_only() {
    let origin = Origin::start().await;
    origin.serve("/shop/originals/a/1", Reply::Status(503));
    origin.serve(
        "/shop/originals/b/1",
        Reply::bytes("image/png", "x").after_failures(2, 500),
    );
    origin.serve("/shop/originals/c/1", Reply::Status(403));
    let store = ObjectStore::new(elsewhere(&origin.url(""))).await.unwrap();

    let error = store.object_get("originals/a/1", 10).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(origin.hits("/shop/originals/a/1"), 4);

    assert_eq!(store.object_get("originals/b/1", 10).await.unwrap(), "x");
    assert_eq!(origin.hits("/shop/originals/b/1"), 3);

    let error = store.object_get("originals/c/1", 10).await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied { .. }), "{error:?}");
    assert_eq!(origin.hits("/shop/originals/c/1"), 1);
}

#[tokio::test]
async fn a_hanging_service_costs_a_bounded_time() {
    let bucket = TestBucket::create().await;
    let proxy = proxy().await;
    let store = through(&proxy, &bucket, Duration::from_millis(300)).await;
    proxy.set(Mode::Silent);
    let start = Instant::now();
    let error = put(&store).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(
        start.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        start.elapsed()
    );

    let start = Instant::now();
    assert!(store.check().await.unwrap_err().is_transient());
    assert!(
        start.elapsed() < Duration::from_millis(600),
        "{:?}",
        start.elapsed()
    );

    proxy.set(Mode::Pass);
    put(&store).await.unwrap();
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_object() {
    let origin = Origin::start().await;
    let reply = Reply::CutShort {
        content_type: "image/png".to_owned(),
        body: Bytes::from_static(b"half"),
        announced: 8,
    };
    origin.serve("/shop/originals/a/1", reply);
    let store = ObjectStore::new(elsewhere(&origin.url(""))).await.unwrap();
    let error = store.object_get("originals/a/1", 100).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

/// Reads what is not there until the store is left alone.
async fn fail_until_left_alone(store: &ObjectStore) {
    eventually(DEADLINE, || async {
        let error = store.object_get("originals/a/1", 10).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        (!store.is_usable()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_store_that_keeps_failing_is_left_alone_and_found_again_once_it_is_back() {
    let bucket = TestBucket::create().await;
    let proxy = proxy().await;
    let store = through(&proxy, &bucket, Duration::from_secs(10)).await;
    proxy.set(Mode::Cut);
    fail_until_left_alone(&store).await;

    // A call fails without being made; a look is made all the same.
    let before = proxy.turned_away();
    let error = put(&store).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("left alone"), "{error}");
    assert_eq!(proxy.turned_away(), before);
    store.check().await.unwrap_err();
    assert_eq!(proxy.turned_away(), before + 1);
    assert!(!store.is_usable());

    // Many wait, and one looks at a time.
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        waiting.spawn(async move { store.usable().await });
    }
    let before = proxy.turned_away();
    eventually(DEADLINE, || async {
        (proxy.turned_away() >= before + 2).then_some(())
    })
    .await;
    assert!(proxy.turned_away() < before + 20);
    assert!(waiting.try_join_next().is_none());
    proxy.set(Mode::Pass);
    tokio::time::timeout(DEADLINE, waiting.join_all()).await.unwrap();
    assert!(store.is_usable());
    put(&store).await.unwrap();
}

#[tokio::test]
async fn a_store_that_hangs_is_left_alone() {
    let bucket = TestBucket::create().await;
    let proxy = proxy().await;
    let store = through(&proxy, &bucket, Duration::from_millis(100)).await;
    proxy.set(Mode::Silent);
    fail_until_left_alone(&store).await;
}

#[tokio::test]
async fn refusals_leave_a_store_in_use() {
    let origin = Origin::start().await;
    origin.serve("/shop/originals/a/1", Reply::Status(403));
    let store = ObjectStore::new(elsewhere(&origin.url(""))).await.unwrap();
    for _ in 0..30 {
        let error = store.object_get("originals/a/1", 10).await.unwrap_err();
        assert!(matches!(error, Error::AccessDenied { .. }), "{error:?}");
        let error = store.object_get("originals/none/1", 10).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
    assert!(store.is_usable());
    assert_eq!(origin.hits("/shop/originals/a/1"), 30);
}

#[tokio::test]
async fn many_callers_do_not_multiply_the_load_of_a_store_that_fails() {
    let origin = Origin::start().await;
    let mut calls = tokio::task::JoinSet::new();
    let store = ObjectStore::new(elsewhere(&origin.url(""))).await.unwrap();
    for number in 0..40 {
        let key = format!("originals/a/{number}");
        origin.serve(&format!("/shop/{key}"), Reply::Status(503));
        let store = store.clone();
        calls.spawn(async move { store.object_get(&key, 10).await.unwrap_err() });
    }
    calls.join_all().await;
    let asked: usize = (0..40)
        .map(|number| origin.hits(&format!("/shop/originals/a/{number}")))
        .sum();
    assert!(asked < 100, "{asked} requests for 40 calls");
}

/// No provider for TLS is installed here, as in a program that forgot it.
#[tokio::test]
async fn an_https_endpoint_that_refuses_is_an_error_and_no_panic() {
    let endpoint = format!("https://127.0.0.1:{}", testkit::free_port());
    let store = ObjectStore::new(elsewhere(&endpoint)).await.unwrap();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn half_a_key_and_an_address_without_scheme_are_refused() {
    let mut config = elsewhere("127.0.0.1:1");
    let error = ObjectStore::new(config.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    config.endpoint = Some("http://127.0.0.1:1".to_owned());
    config.secret_access_key = None;
    let error = ObjectStore::new(config).await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
}

fn elsewhere(endpoint: &str) -> S3Config {
    S3Config {
        bucket: "shop".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        public_base_url: None,
        access_key_id: Some("key".to_owned()),
        secret_access_key: Some("secret".to_owned().into()),
        request_timeout: Duration::from_secs(5),
    }
}
