//! Where readers find an object.

use crate::config::S3Config;

/// Makes public addresses of objects, without speaking to the store.
#[derive(Clone, Debug)]
pub struct PublicUrls {
    /// Ends in a slash.
    base: String,
}

impl PublicUrls {
    /// Addresses below `public_base_url`, or below the bucket's own address where there is none.
    pub fn new(config: &S3Config) -> Self {
        let service = config.service_url();
        let base = match &config.public_base_url {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None if config.is_path_style() => format!("{service}/{}", config.bucket),
            None => service.replacen("https://", &format!("https://{}.", config.bucket), 1),
        };
        Self {
            base: format!("{base}/"),
        }
    }

    /// The address of the object under `key`.
    pub fn object_url(&self, key: &str) -> String {
        let mut url = String::with_capacity(self.base.len() + key.len());
        url.push_str(&self.base);
        for byte in key.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    url.push(char::from(byte));
                }
                other => url.push_str(&format!("%{other:02X}")),
            }
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config() -> S3Config {
        S3Config {
            bucket: "shop-media".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
            public_base_url: None,
            access_key_id: None,
            secret_access_key: None,
            request_timeout: Duration::from_secs(1),
        }
    }

    fn url(config: &S3Config) -> String {
        PublicUrls::new(config).object_url("variants/a/1/large.webp")
    }

    #[test]
    fn a_bucket_on_aws_is_part_of_the_host() {
        let config = config();
        assert_eq!(
            url(&config),
            "https://shop-media.s3.eu-central-1.amazonaws.com/variants/a/1/large.webp"
        );
    }

    #[test]
    fn a_bucket_with_a_point_or_elsewhere_is_part_of_the_path() {
        let mut config = config();
        config.bucket = "media.example.com".to_owned();
        assert_eq!(
            url(&config),
            "https://s3.eu-central-1.amazonaws.com/media.example.com/variants/a/1/large.webp"
        );
        config.endpoint = Some("http://127.0.0.1:8333/".to_owned());
        assert_eq!(
            url(&config),
            "http://127.0.0.1:8333/media.example.com/variants/a/1/large.webp"
        );
    }

    #[test]
    fn a_public_base_goes_before_all_else() {
        let mut config = config();
        config.endpoint = Some("http://10.0.0.7:9000".to_owned());
        config.public_base_url = Some("https://cdn.example.com/shop/".to_owned());
        assert_eq!(
            url(&config),
            "https://cdn.example.com/shop/variants/a/1/large.webp"
        );
    }

    #[test]
    fn a_key_never_ends_the_path_early() {
        let config = config();
        let url = PublicUrls::new(&config).object_url("a b?c#d%");
        assert!(url.ends_with("/a%20b%3Fc%23d%25"), "{url}");
    }
}
