use std::{fs::File, io::Write as _, sync::Arc};

use domain::ImageId;
use storage_s3::{CACHE_PRIVATE, Error, ObjectStore, S3Config, keys};
use testkit::{Mode, Proxy, TestBucket, services};

/// Several pieces, the last of them short.
const BYTES: usize = 300_001;

fn content() -> Vec<u8> {
    (0..BYTES).map(|index| (index % 251) as u8).collect()
}

fn file() -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content()).unwrap();
    Arc::new(file)
}

async fn put(store: &ObjectStore, key: &str) -> Result<(), Error> {
    store
        .object_put_file(key, &file(), BYTES as u64, "image/png", CACHE_PRIVATE)
        .await
}

async fn through(proxy: &Proxy, bucket: &TestBucket) -> ObjectStore {
    let config = S3Config {
        endpoint: Some(format!("http://{}", proxy.address())),
        ..bucket.config()
    };
    ObjectStore::new(config).await.unwrap()
}

#[tokio::test]
async fn a_file_comes_back_whole_with_its_headers_and_over_what_was_there() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let key = keys::original_key(ImageId::generate(), 1);
    for _ in 0..2 {
        put(&store, &key).await.unwrap();
        let stored = bucket.object(&key).await.unwrap();
        assert!(stored.bytes == content(), "{} bytes", stored.bytes.len());
        assert_eq!(stored.content_type.as_deref(), Some("image/png"));
        assert_eq!(stored.cache_control.as_deref(), Some(CACHE_PRIVATE));
    }
    assert_eq!(bucket.keys("").await, [key]);
}

#[tokio::test]
async fn a_file_that_was_cut_off_on_its_way_leaves_nothing_and_is_sent_again_from_its_beginning() {
    let bucket = TestBucket::create().await;
    let proxy = Proxy::start(services().s3_endpoint.trim_start_matches("http://")).await;
    let store = through(&proxy, &bucket).await;
    let (key, file) = (keys::original_key(ImageId::generate(), 1), file());
    let put = || store.object_put_file(&key, &file, BYTES as u64, "image/png", CACHE_PRIVATE);
    proxy.set(Mode::Reset { after: 100_000 });
    let error = put().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(bucket.keys("").await, Vec::<String>::new());
    proxy.set(Mode::Pass);
    put().await.unwrap();
    assert!(bucket.object(&key).await.unwrap().bytes == content());
}

#[tokio::test]
async fn a_refused_file_is_told_from_a_store_that_is_away_and_leaves_nothing() {
    let bucket = TestBucket::create().await;
    let key = keys::original_key(ImageId::generate(), 1);
    let mut config = bucket.config();
    config.secret_access_key = Some("wrong".to_owned().into());
    let error = put(&ObjectStore::new(config).await.unwrap(), &key)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::AccessDenied { .. }), "{error:?}");

    let mut config = bucket.config();
    config.endpoint = Some(format!("http://127.0.0.1:{}", testkit::free_port()));
    let error = put(&ObjectStore::new(config).await.unwrap(), &key)
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    // The address that it was sent to is a key to the object.
    assert!(!error.to_string().contains("X-Amz"), "{error}");
    assert_eq!(bucket.keys("").await, Vec::<String>::new());
}
