//! `POST /products`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, post};
use domain::ProductId;
use serde::Deserialize;
use storage_postgres::StoredAnswer;
use utoipa::ToSchema;

use super::{CACHE_CONTROL, Catalogue};
use crate::{
    http::{
        conditional::etag, context::RequestContext, idempotency, json::JsonBody, problem::Problem, query,
        to_the_end,
    },
    products::{ProductBody, catalogue::Rendered, create::create_product},
    vocabulary,
};

/// A product to be. Every field that is not named here is a fault.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::draft` reads it and lists all faults"
)]
#[schema(as = NewProduct)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProductBody {
    /// On one line; blanks around it are dropped.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\x00-\x1f\x7f-\x9f]*$",
        example = "Enamel mug"
    )]
    name: String,
    /// Unique in the account, of visible ASCII characters.
    #[schema(min_length = 1, max_length = 64, example = "MUG-01", pattern = "^[!-~]+$")]
    sku: Option<String>,
    /// At length; U+0000 alone is not allowed.
    #[schema(max_length = 20_000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    price: NewPrice,
    /// `active` where it is left out.
    #[schema(value_type = Option<vocabulary::ProductStatus>)]
    status: Option<String>,
    #[schema(value_type = Option<vocabulary::Metadata>)]
    metadata: Option<std::collections::BTreeMap<String, String>>,
    /// Pictures to be fetched, in their order.
    #[schema(max_items = 20)]
    images: Option<Vec<NewImage>>,
}

/// A price to be.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
#[serde(deny_unknown_fields)]
pub(super) struct NewPrice {
    /// A decimal, as a string: 0 or more, below 10¹², with no more decimals than the currency has.
    #[schema(example = "19.90", pattern = r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
    amount: String,
    /// The setting `catalogue.currency` where it is left out.
    #[schema(value_type = Option<vocabulary::Currency>)]
    currency: Option<String>,
}

/// A picture to be fetched.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
#[serde(deny_unknown_fields)]
pub(super) struct NewImage {
    /// An `http` or `https` address that everybody can reach.
    #[schema(max_length = 2_048, format = Uri, pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]", example = "https://example.com/mug.jpg")]
    source_url: String,
    /// What the picture shows, for those who do not see it.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    alt: Option<String>,
}

/// Create a product.
///
/// The product exists as soon as this is answered; its pictures are `pending` and become `ready`, or `failed` with a
/// reason, as the workers get to them.
#[utoipa::path(
    tag = "Products",
    operation_id = "createProduct",
    request_body(content = NewProductBody, content_type = "application/json"),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours")),
    responses(
        (status = 201, body = ProductBody, description = "Created", headers(
            ("Location" = String, description = "The path of the product"),
            ("ETag" = String, description = "The version, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key created it"),
        )),
    ),
)]
#[post("/products")]
pub(super) async fn create(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let claim = idempotency::claim(&request, &context, &body)?;
    let answer = |id: ProductId, product: Rendered| StoredAnswer {
        status: StatusCode::CREATED.as_u16(),
        headers: vec![
            (header::LOCATION.to_string(), format!("/api/v1/products/{id}")),
            (header::ETAG.to_string(), etag(product.version)),
        ],
        body: product.body.to_vec(),
    };
    let created = to_the_end(async move {
        let (account, cause) = (context.account, context.cause());
        create_product(&catalogue, account, &cause, &body.value, claim.as_ref(), answer).await
    })
    .await?;
    Ok(idempotency::respond(created, CACHE_CONTROL))
}
