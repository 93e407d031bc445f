//! What has to be known to reach a bucket.

use std::time::Duration;

use secrecy::SecretString;

/// Where the bucket is and who asks.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Name of the bucket.
    pub bucket: String,
    /// Region of the bucket, such as `eu-central-1`; it is part of every signature.
    pub region: String,
    /// Address of a service other than AWS, such as `http://127.0.0.1:8333`; it is then spoken to in path style.
    pub endpoint: Option<String>,
    /// Where readers reach the bucket's content, such as a CDN; by default, the bucket itself.
    pub public_base_url: Option<String>,
    /// Access key; by default AWS's usual chain is asked: environment, profile, web identity, container, instance.
    pub access_key_id: Option<String>,
    /// The access key's secret; both or neither are given.
    pub secret_access_key: Option<SecretString>,
    /// How long one request may take, from connecting to the last byte. An operation with all its attempts takes
    /// at most three times as long.
    pub request_timeout: Duration,
}

impl S3Config {
    /// Scheme and host of the service, without a slash at the end.
    pub(crate) fn service_url(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => {
                let suffix = if self.region.starts_with("cn-") { ".cn" } else { "" };
                format!("https://s3.{}.amazonaws.com{suffix}", self.region)
            }
        }
    }

    /// True where the bucket stands in the path instead of the host: with services other than AWS, and for names
    /// with a point in them, which no wildcard certificate covers.
    pub(crate) fn is_path_style(&self) -> bool {
        self.endpoint.is_some() || self.bucket.contains('.')
    }
}
