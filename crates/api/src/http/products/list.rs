//! `GET /products`.

use actix_web::{HttpRequest, HttpResponse, http::header, route};

use super::{CACHE_CONTROL, Catalogue, list_query};
use crate::{
    http::{context::RequestContext, page::next_link, problem::Problem},
    products::{PageBody, list::list_products},
};

/// List products.
///
/// Filters narrow the list together. Follow `next_cursor`, or the header `Link`, from page to page: each costs the same,
/// and no product is skipped or repeated while others are written.
#[utoipa::path(
    method(get, head),
    path = "/products",
    tag = "Products",
    operation_id = "listProducts",
    params(list_query::ListParameters),
    responses(
        (status = 200, body = PageBody, description = "One page", headers(("Link" = String, description = "The next page, as `rel=\"next\"`"))),
    ),
)]
#[route("/products", method = "GET", method = "HEAD")]
pub(super) async fn list(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let page_request = list_query::read(request.query_string(), catalogue.currency)?;
    let page = list_products(&catalogue, context.account, &page_request).await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header(CACHE_CONTROL)
        .content_type("application/json");
    if let Some(cursor) = &page.next_cursor {
        response.insert_header((header::LINK, next_link(&request, cursor)));
    }
    Ok(response.body(page.body))
}
