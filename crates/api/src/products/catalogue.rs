//! The parts that the use cases work with.

use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, Change, Currency, Product, ProductId};
use storage_postgres::{Database, cache_doubt_announce};
use storage_redis::{Cache, LiveChannel};
use storage_s3::PublicUrls;

use super::{body::ProductBody, read::Reads};

/// How long the caller's answer is held where other processes had to be told: they shall have heard before the caller
/// can ask them. A notification takes about a millisecond.
const HEARING: Duration = Duration::from_millis(25);

/// The parts that the use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    /// Every row.
    pub database: Database,
    /// Products as they were last answered; none where caching is off.
    pub cache: Option<Cache>,
    /// Reads of products that no cache holds.
    pub reads: Reads,
    /// Where those who watch are told of changes.
    pub live: LiveChannel,
    /// Makes addresses of stored objects.
    pub urls: PublicUrls,
    /// The currency of a price that names none.
    pub currency: Currency,
}

/// A product as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The version that the body shows.
    pub version: i64,
    /// JSON in UTF-8.
    pub body: Bytes,
}

impl Catalogue {
    /// Writes a product as the API shows it.
    pub fn render(&self, product: &Product) -> Rendered {
        // These types always have a JSON form.
        let body = serde_json::to_vec(&ProductBody::new(product, &self.urls)).unwrap_or_default();
        Rendered {
            version: product.version,
            body: body.into(),
        }
    }

    /// Tells those who watch of a change, and takes the product out of the cache, once the change is committed. That the
    /// former are told keeps nobody waiting.
    pub async fn changed(&self, change: Change) {
        let (account, id, version) = (change.account_id, change.product_id, change.version);
        self.live.announce(vec![change]);
        self.invalidate(account, id, version).await;
    }

    /// Takes a product that has changed out of the cache, once its change is committed. Where Redis does not take
    /// that, the other processes are told, who may reach it and read from it what is old.
    pub async fn invalidate(&self, account: AccountId, id: ProductId, version: i64) {
        let Some(cache) = &self.cache else {
            return;
        };
        if cache.product_invalidate(account, id, version).await {
            return;
        }
        match cache_doubt_announce(&self.database).await {
            Ok(()) => tokio::time::sleep(HEARING).await,
            Err(error) => {
                tracing::warn!(product_id = %id, %error, "other processes cannot be told that the cache missed a change");
            }
        }
    }
}
