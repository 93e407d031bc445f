//! `aws`: S3, where pictures live.

use std::time::Duration;

use secrecy::SecretString;

use super::fault::Complaint;
use super::section::Section;

/// S3.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The bucket.
    pub s3bucket: String,
    /// Its region.
    pub region: String,
    /// An S3 that is not AWS, without a final slash; its bucket is then in the path.
    pub endpoint: Option<String>,
    /// What the URLs of variants begin with, without a final slash; by default, the bucket itself.
    pub public_base_url: String,
    /// The access key; without one, AWS's usual ways of finding credentials hold.
    pub access_key_id: Option<String>,
    /// There if and only if the access key is.
    pub secret_access_key: Option<SecretString>,
    /// For one request.
    pub request_timeout: Duration,
}

impl Aws {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let s3bucket = section.parsed("s3bucket", bucket);
        let region = section.parsed("region", region);
        let endpoint = section.base_url("endpoint");
        let public_base_url = section
            .base_url("public_base_url")
            .unwrap_or_else(|| bucket_url(&s3bucket, &region, endpoint.as_deref()));
        Self {
            // People mix the two up, and then this one is the secret.
            access_key_id: section.hidden_text("access_key_id"),
            secret_access_key: section.secret("secret_access_key"),
            request_timeout: section.duration(
                "request_timeout",
                Duration::from_secs(1)..=Duration::from_secs(600),
            ),
            s3bucket,
            region,
            endpoint,
            public_base_url,
        }
    }
}

/// Where a browser finds the bucket.
fn bucket_url(bucket: &str, region: &str, endpoint: Option<&str>) -> String {
    if let Some(endpoint) = endpoint {
        return format!("{endpoint}/{bucket}");
    }
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    // AWS's certificates cover one label before the domain, so a bucket with dots goes into the path.
    if bucket.contains('.') {
        format!("https://s3.{region}.{domain}/{bucket}")
    } else {
        format!("https://{bucket}.s3.{region}.{domain}")
    }
}

fn bucket(text: &str) -> Result<String, Complaint> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if (3..=63).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(Complaint::new(
        "is not the name of a bucket",
        "give 3 to 63 lower case letters, digits, . or -",
    ))
}

fn region(text: &str) -> Result<String, Complaint> {
    if !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Ok(text.to_owned());
    }
    Err(Complaint::new("is not a region", "give one such as eu-central-1"))
}

#[cfg(test)]
mod tests {
    use super::bucket_url;

    #[test]
    fn variants_are_found_at_the_bucket_itself_unless_said_otherwise() {
        assert_eq!(
            bucket_url("pms", "eu-west-1", Some("http://127.0.0.1:8333")),
            "http://127.0.0.1:8333/pms"
        );
        assert_eq!(
            bucket_url("pms", "eu-west-1", None),
            "https://pms.s3.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            bucket_url("a.b", "eu-west-1", None),
            "https://s3.eu-west-1.amazonaws.com/a.b"
        );
        assert_eq!(
            bucket_url("pms", "cn-north-1", None),
            "https://pms.s3.cn-north-1.amazonaws.com.cn"
        );
    }
}
