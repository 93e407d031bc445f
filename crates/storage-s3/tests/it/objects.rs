use bytes::Bytes;
use domain::{ImageFormat, ImageId};
use storage_s3::{CACHE_IMMUTABLE, Error, ObjectStore, keys};
use testkit::TestBucket;

async fn put(store: &ObjectStore, key: &str, content: &'static [u8]) {
    store
        .object_put(key, Bytes::from_static(content), "image/webp", CACHE_IMMUTABLE)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_object_comes_back_with_its_headers() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let key = keys::variant_key(ImageId::generate(), 1, "thumbnail", ImageFormat::WebP);
    put(&store, &key, b"picture").await;

    assert_eq!(store.object_get(&key, 1_000).await.unwrap(), "picture");
    let stored = bucket.object(&key).await.unwrap();
    assert_eq!(stored.content_type.as_deref(), Some("image/webp"));
    assert_eq!(stored.cache_control.as_deref(), Some(CACHE_IMMUTABLE));
}

#[tokio::test]
async fn an_object_written_twice_is_there_once() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let key = keys::original_key(ImageId::generate(), 1);
    put(&store, &key, b"first").await;
    put(&store, &key, b"second").await;

    assert_eq!(store.object_get(&key, 1_000).await.unwrap(), "second");
    assert_eq!(bucket.keys("").await, [key]);
}

#[tokio::test]
async fn a_missing_object_is_told_from_a_missing_bucket() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let error = store.object_get("originals/none/1", 1_000).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");

    let mut config = bucket.config();
    config.bucket = format!("{}-none", bucket.name());
    let store = ObjectStore::new(config).await.unwrap();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, Error::NoSuchBucket { .. }), "{error:?}");
    let error = store.object_get("originals/none/1", 1_000).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchBucket { .. }), "{error:?}");
}

#[tokio::test]
async fn an_object_over_the_limit_is_given_up() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let key = keys::original_key(ImageId::generate(), 1);
    put(&store, &key, &[7; 100_000]).await;

    assert_eq!(store.object_get(&key, 100_000).await.unwrap().len(), 100_000);
    let error = store.object_get(&key, 99_999).await.unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { limit: 99_999, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_prefix_is_deleted_whole_and_nothing_beside_it() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let (image, other) = (ImageId::generate(), ImageId::generate());
    for generation in [1, 10] {
        for name in ["thumbnail", "medium", "large"] {
            put(
                &store,
                &keys::variant_key(image, generation, name, ImageFormat::Jpeg),
                b"x",
            )
            .await;
        }
    }
    put(&store, &keys::original_key(image, 1), b"x").await;
    let kept = keys::variant_key(other, 1, "large", ImageFormat::Jpeg);
    put(&store, &kept, b"x").await;

    let first = &keys::image_prefixes(image, Some(1))[0];
    assert_eq!(store.objects_delete_prefix(first).await.unwrap(), 3);
    assert_eq!(bucket.keys(&format!("variants/{image}/")).await.len(), 3);

    let mut count = 0;
    for prefix in keys::image_prefixes(image, None) {
        count += store.objects_delete_prefix(&prefix).await.unwrap();
    }
    assert_eq!(count, 4);
    assert_eq!(bucket.keys("").await, [kept]);
    assert_eq!(store.objects_delete_prefix(first).await.unwrap(), 0);
}

#[tokio::test]
async fn a_prefix_of_more_than_a_page_is_deleted_whole() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let mut puts = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let store = store.clone();
        puts.spawn(async move {
            for index in 0..64 {
                put(&store, &format!("variants/many/{worker}-{index}"), b"").await;
            }
        });
    }
    puts.join_all().await;
    assert_eq!(
        store.objects_delete_prefix("variants/many/").await.unwrap(),
        1_024
    );
    assert_eq!(bucket.keys("").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_is_never_emptied_by_an_empty_prefix() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    put(&store, "variants/a/1/b.webp", b"x").await;
    for prefix in ["", "/", "/variants/", "variants"] {
        let error = store.objects_delete_prefix(prefix).await.unwrap_err();
        assert!(matches!(error, Error::Other { .. }), "{prefix:?}: {error:?}");
    }
    assert_eq!(bucket.keys("").await.len(), 1);
}

#[tokio::test]
async fn a_key_with_unusual_characters_survives_every_call() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let key = "variants/a b/1/größe&<+>'\"%41.webp";
    put(&store, key, b"x").await;
    assert_eq!(store.object_get(key, 10).await.unwrap(), "x");
    assert_eq!(bucket.keys("variants/a b/").await, [key]);
    assert_eq!(store.objects_delete_prefix("variants/a b/").await.unwrap(), 1);
    assert_eq!(bucket.keys("").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_of_several_pages_shows_every_object_once() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let image = ImageId::generate();
        expected.push(keys::original_key(image, 1));
        for generation in [1, 2, 10] {
            expected.push(keys::variant_key(image, generation, "large", ImageFormat::WebP));
            expected.push(keys::variant_key(image, generation, "large", ImageFormat::Jpeg));
        }
    }
    for key in &expected {
        put(&store, key, b"picture").await;
    }
    // A prefix that begins like the other's is another's.
    put(&store, "variants-of-another/a", b"x").await;

    for limit in [1, 2, 5, 18, 1_000] {
        let (mut listed, mut pages) = (Vec::new(), 0);
        for prefix in ["originals/", "variants/"] {
            let mut after: Option<String> = None;
            loop {
                let page = store.objects_page(prefix, after.as_deref(), limit).await.unwrap();
                assert!(page.objects.len() <= limit);
                listed.extend(page.objects);
                pages += 1;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        assert!(pages >= 21_usize.div_ceil(limit), "{pages} pages of {limit}");
        let mut found: Vec<_> = listed.iter().map(|object| object.key.clone()).collect();
        found.sort();
        let mut wanted = expected.clone();
        wanted.sort();
        assert_eq!(found, wanted, "pages of {limit}");
        for object in listed {
            let age = chrono::Utc::now() - object.last_modified;
            assert!(age.num_seconds().abs() < 600, "{object:?}");
            assert_eq!(object.bytes, 7);
        }
    }
    assert_eq!(
        store
            .objects_page("nothing/", None, 10)
            .await
            .unwrap()
            .objects
            .len(),
        0
    );
}

#[tokio::test]
async fn a_list_goes_on_where_an_object_has_gone_in_between() {
    let bucket = TestBucket::create().await;
    let store = bucket.store().await;
    for image in ["a", "b", "c"] {
        for file in ["1.webp", "2.webp"] {
            put(&store, &format!("variants/{image}/1/{file}"), b"x").await;
        }
    }
    let first = store.objects_page("variants/", None, 4).await.unwrap();
    let next = first.next.unwrap();
    assert_eq!(next, "variants/b/1/2.webp");
    store.objects_delete_prefix("variants/b/").await.unwrap();

    let second = store.objects_page("variants/", Some(&next), 4).await.unwrap();
    let keys: Vec<_> = second.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["variants/c/1/1.webp", "variants/c/1/2.webp"]);
    assert_eq!(second.next, None);
}
