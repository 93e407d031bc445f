//! Reading one product, from the cache where it can be.

use std::sync::Arc;

use domain::{AccountId, ProductId};
use resilience::{Boarding, Flights};
use storage_postgres::{StorageError, product_get};
use storage_redis::{Cache, Lookup, Ticket};

use super::{Catalogue, ProductError, catalogue::Rendered};

/// Reads of PostgreSQL that are under way, and what comes of them.
pub type Reads = Flights<(AccountId, ProductId), Read>;
/// A product, or none where there is none.
type Read = Result<Option<Rendered>, Arc<StorageError>>;

/// Reads a product as it is answered.
///
/// However many ask for a product that no cache holds, one of this process asks PostgreSQL. The others wait, and look
/// again; who cannot use the cache shares what was begun after they came, so that nobody is answered with what was
/// before their request.
///
/// # Errors
/// `NotFound`, `Storage` or `SharedStorage`.
pub async fn read_product(
    catalogue: &Catalogue,
    account: AccountId,
    id: ProductId,
) -> Result<Rendered, ProductError> {
    let Some(cache) = &catalogue.cache else {
        return found(load(catalogue, account, id).await);
    };
    let arrival = catalogue.reads.arrive();
    loop {
        let ticket = match cache.product_get(account, id).await {
            Lookup::Product { version, body, renew } => {
                if renew {
                    tokio::spawn(renewed(catalogue.clone(), account, id));
                }
                return Ok(Rendered { version, body });
            }
            Lookup::NotFound => return Err(ProductError::NotFound),
            Lookup::Miss(ticket) => ticket,
        };
        match catalogue.reads.board(&(account, id), arrival) {
            Boarding::Lead(lead) => {
                let read = match cache.product_await(&ticket).await {
                    Some(Lookup::Product { version, body, .. }) => Ok(Some(Rendered { version, body })),
                    Some(Lookup::NotFound) => Ok(None),
                    Some(Lookup::Miss(_)) | None => fill(catalogue, cache, ticket, account, id).await,
                };
                lead.land(read.clone());
                return found(read);
            }
            Boarding::Join(landing) => {
                if let Some(read) = landing.landed().await {
                    return found(read);
                }
            }
            Boarding::Wait(landing) => {
                landing.landed().await;
            }
        }
    }
}

/// Reads anew what will not be held much longer. Where that fails, it is read when somebody asks for it.
async fn renewed(catalogue: Catalogue, account: AccountId, id: ProductId) {
    if let Some(cache) = &catalogue.cache {
        let ticket = cache.product_renew(account, id).await;
        if let Err(error) = fill(&catalogue, cache, ticket, account, id).await {
            tracing::debug!(product_id = %id, %error, "a product could not be read before it left the cache");
        }
    }
}

async fn fill(
    catalogue: &Catalogue,
    cache: &Cache,
    ticket: Ticket,
    account: AccountId,
    id: ProductId,
) -> Read {
    let read = load(catalogue, account, id).await?;
    match &read {
        Some(rendered) => {
            cache
                .product_put(ticket, rendered.version, rendered.body.clone())
                .await
        }
        None => cache.product_put_not_found(ticket).await,
    };
    Ok(read)
}

async fn load(catalogue: &Catalogue, account: AccountId, id: ProductId) -> Read {
    let product = product_get(&catalogue.database, account, id).await?;
    Ok(product.map(|product| catalogue.render(&product)))
}

fn found(read: Read) -> Result<Rendered, ProductError> {
    read?.ok_or(ProductError::NotFound)
}
