//! Reading one product, from the cache where it can be.

use domain::{AccountId, ProductId};
use storage_postgres::product_get;
use storage_redis::Lookup;

use super::{Catalogue, ProductError, catalogue::Rendered};

/// Reads a product as it is answered.
///
/// # Errors
/// `NotFound` or `Storage`.
pub async fn read_product(
    catalogue: &Catalogue,
    account: AccountId,
    id: ProductId,
) -> Result<Rendered, ProductError> {
    let Some(cache) = &catalogue.cache else {
        let product = product_get(&catalogue.database, account, id)
            .await?
            .ok_or(ProductError::NotFound)?;
        return Ok(catalogue.render(&product));
    };
    let ticket = match cache.product_get(account, id).await {
        Lookup::Product { version, body } => return Ok(Rendered { version, body }),
        Lookup::NotFound => return Err(ProductError::NotFound),
        Lookup::Miss(ticket) => ticket,
    };
    let Some(product) = product_get(&catalogue.database, account, id).await? else {
        cache.product_put_not_found(ticket).await;
        return Err(ProductError::NotFound);
    };
    let rendered = catalogue.render(&product);
    cache.product_put(ticket, rendered.version, &rendered.body).await;
    Ok(rendered)
}
