//! Listing products.

use domain::{AccountId, cursor, filter::PageRequest};
use storage_postgres::product_list;

use super::{Catalogue, PageBody, ProductBody, ProductError};

/// A page as it is answered.
#[derive(Debug)]
pub struct RenderedPage {
    /// JSON in UTF-8.
    pub body: Vec<u8>,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
}

/// Reads one page of an account's products.
///
/// # Errors
/// `Storage`.
pub async fn list_products(
    catalogue: &Catalogue,
    account: AccountId,
    request: &PageRequest,
) -> Result<RenderedPage, ProductError> {
    let page = product_list(&catalogue.database, account, request).await?;
    let next_cursor = page
        .next
        .map(|position| cursor::encode(&position, &request.filter, request.sort));
    let body = PageBody {
        data: page
            .products
            .iter()
            .map(|product| ProductBody::new(product, &catalogue.urls))
            .collect(),
        has_more: next_cursor.is_some(),
        next_cursor: next_cursor.as_deref(),
        total: page.total,
    };
    // These types always have a JSON form.
    Ok(RenderedPage {
        body: serde_json::to_vec(&body).unwrap_or_default(),
        next_cursor,
    })
}
