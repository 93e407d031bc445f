//! What most tests of the cache begin with.

use domain::{AccountId, ProductId};
use storage_redis::{Cache, CacheConfig, Lookup, Ticket};

/// A cache in use.
pub(crate) fn opened(config: CacheConfig) -> Cache {
    let cache = Cache::new(config).unwrap();
    cache.caught_up(cache.catching_up().unwrap());
    cache
}

/// Asks for what the cache must not know.
pub(crate) async fn miss(cache: &Cache, account_id: AccountId, product_id: ProductId) -> Ticket {
    match cache.product_get(account_id, product_id).await {
        Lookup::Miss(ticket) => ticket,
        known => panic!("{known:?}"),
    }
}
