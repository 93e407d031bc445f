//! The rooms of a test as settings of the binaries, in the form of environment variables.

use url::Url;

use crate::{TestBroker, TestBucket, TestDatabase, TestRedis};

/// Environment variables.
pub type Variables = Vec<(String, String)>;

fn variables<const N: usize>(section: &str, pairs: [(&str, String); N]) -> Variables {
    pairs
        .map(|(key, value)| (format!("PMS__{section}__{key}"), value))
        .to_vec()
}

impl TestDatabase {
    /// Settings that reach this database.
    pub fn settings(&self) -> Variables {
        let url = Url::parse(self.url()).expect("the address of a database is a URL");
        variables(
            "DATABASE",
            [
                ("HOST", url.host_str().unwrap_or("127.0.0.1").to_owned()),
                ("PORT", url.port().unwrap_or(5432).to_string()),
                ("USER", url.username().to_owned()),
                ("PASSWORD", url.password().unwrap_or_default().to_owned()),
                ("DBNAME", self.name().to_owned()),
            ],
        )
    }
}

impl TestBroker {
    /// Settings that reach the broker beneath this prefix.
    pub fn settings(&self) -> Variables {
        variables(
            "RABBITMQ",
            [
                ("HOST", self.host.clone()),
                ("PORT", self.port.to_string()),
                ("USER", self.user.clone()),
                ("PASSWORD", self.password.clone()),
                ("VHOST", self.vhost.clone()),
                ("PREFIX", self.prefix().to_owned()),
            ],
        )
    }
}

impl TestRedis {
    /// Settings that reach Redis beneath this prefix.
    pub fn settings(&self) -> Variables {
        let pairs = [
            ("HOST", self.host.clone()),
            ("PORT", self.port.to_string()),
            ("PREFIX", self.prefix().to_owned()),
        ];
        variables("REDIS", pairs)
    }
}

impl TestBucket {
    /// Settings that reach this bucket.
    pub fn settings(&self) -> Variables {
        let services = crate::services();
        variables(
            "AWS",
            [
                ("S3BUCKET", self.name().to_owned()),
                ("REGION", services.s3_region.clone()),
                ("ENDPOINT", services.s3_endpoint.clone()),
                ("ACCESS_KEY_ID", services.s3_access_key_id.clone()),
                ("SECRET_ACCESS_KEY", services.s3_secret_access_key.clone()),
            ],
        )
    }
}
