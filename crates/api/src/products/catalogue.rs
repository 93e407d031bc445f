//! The parts that the use cases work with.

use bytes::Bytes;
use domain::{AccountId, Currency, Product, ProductId};
use storage_postgres::Database;
use storage_redis::Cache;
use storage_s3::PublicUrls;

use super::body::ProductBody;

/// The parts that the use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    /// Every row.
    pub database: Database,
    /// Products as they were last answered; none where caching is off.
    pub cache: Option<Cache>,
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

    /// Takes a product that has changed out of the cache, once its change is committed.
    pub async fn invalidate(&self, account: AccountId, id: ProductId, version: i64) {
        if let Some(cache) = &self.cache {
            cache.product_invalidate(account, id, version).await;
        }
    }
}
