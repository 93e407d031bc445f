//! A bucket per test.

use std::time::Duration;

use bytes::Bytes;
use s3::{Bucket, BucketConfiguration, Region, creds::Credentials, error::S3Error};
use storage_s3::{ObjectStore, S3Config};

use crate::{apart::clean_up, services::services, unique};

/// A bucket, deleted at the end with all that is in it.
#[derive(Debug)]
pub struct TestBucket {
    bucket: Box<Bucket>,
}

/// An object as it lies in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its content.
    pub bytes: Bytes,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Cache-Control`
    pub cache_control: Option<String>,
}

impl TestBucket {
    /// Creates one.
    pub async fn create() -> Self {
        let name = format!("test-{}", unique());
        let created =
            Bucket::create_with_path_style(&name, region(), credentials(), BucketConfiguration::default())
                .await
                .expect("S3 answers; `make services` starts it");
        Self {
            bucket: created.bucket,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.bucket.name
    }

    /// Settings for a store on this bucket.
    pub fn config(&self) -> S3Config {
        let services = services();
        S3Config {
            bucket: self.bucket.name.clone(),
            region: services.s3_region.clone(),
            endpoint: Some(services.s3_endpoint.clone()),
            public_base_url: None,
            access_key_id: Some(services.s3_access_key_id.clone()),
            secret_access_key: Some(services.s3_secret_access_key.clone().into()),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// A store on this bucket.
    pub async fn store(&self) -> ObjectStore {
        ObjectStore::new(self.config()).await.expect("the settings work")
    }

    /// The object under `key`, read beside the code under test.
    pub async fn object(&self, key: &str) -> Option<StoredObject> {
        match self.bucket.get_object(key).await {
            Ok(answer) => {
                let headers = answer.headers();
                Some(StoredObject {
                    content_type: headers.get("content-type").cloned(),
                    cache_control: headers.get("cache-control").cloned(),
                    bytes: answer.bytes().clone(),
                })
            }
            Err(S3Error::HttpFailWithBody(404, _)) => None,
            Err(error) => panic!("object `{key}` cannot be read: {error}"),
        }
    }

    /// Every key that begins with `prefix`, in order.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        keys(&self.bucket, prefix)
            .await
            .expect("the bucket can be listed")
    }
}

impl Drop for TestBucket {
    fn drop(&mut self) {
        let name = self.bucket.name.clone();
        clean_up(|| async move {
            // Connections of the test's runtime cannot be used here.
            let Ok(bucket) = Bucket::new(&name, region(), credentials()) else {
                return;
            };
            let bucket = bucket.with_path_style();
            for key in keys(&bucket, "").await.unwrap_or_default() {
                let _ = bucket.delete_object(key).await;
            }
            let _ = bucket.delete().await;
        });
    }
}

async fn keys(bucket: &Bucket, prefix: &str) -> Result<Vec<String>, S3Error> {
    let pages = bucket.list(prefix.to_owned(), None).await?;
    let mut keys: Vec<_> = pages
        .into_iter()
        .flat_map(|page| page.contents)
        .map(|object| object.key)
        .collect();
    keys.sort();
    Ok(keys)
}

fn region() -> Region {
    Region::Custom {
        region: services().s3_region.clone(),
        endpoint: services().s3_endpoint.clone(),
    }
}

fn credentials() -> Credentials {
    let services = services();
    let (id, secret) = (&services.s3_access_key_id, &services.s3_secret_access_key);
    Credentials::new(Some(id), Some(secret), None, None, None).expect("a key and its secret are credentials")
}
