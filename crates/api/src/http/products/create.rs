//! `POST /products`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, post};
use domain::{ProblemCode, ProductId};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use storage_postgres::{IdempotencyClaim, StoredAnswer};
use utoipa::ToSchema;

use super::Catalogue;
use crate::{
    http::{
        conditional::etag,
        context::RequestContext,
        json::JsonBody,
        problem::{Problem, ProblemBody},
        query, to_the_end,
    },
    products::{
        ProductBody,
        catalogue::Rendered,
        create::{CreateAnswer, create_product},
    },
};

/// The longest idempotency key, in characters.
const KEY_MAX: usize = 255;

/// A product to be. Every field that is not named here is a fault.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::draft` reads it and lists all faults"
)]
#[schema(as = NewProduct)]
pub(super) struct NewProductBody {
    /// On one line; blanks around it are dropped.
    #[schema(min_length = 1, max_length = 200, example = "Enamel mug")]
    name: String,
    /// Unique in the account, of visible ASCII characters.
    #[schema(min_length = 1, max_length = 64, example = "MUG-01", pattern = "^[!-~]+$")]
    sku: Option<String>,
    #[schema(max_length = 20_000)]
    description: Option<String>,
    price: NewPrice,
    /// `active` where it is left out.
    #[schema(example = "active", pattern = "^(draft|active|archived)$")]
    status: Option<String>,
    /// At most 50 pairs; keys of at most 64 characters, values of at most 500.
    metadata: Option<std::collections::BTreeMap<String, String>>,
    /// Pictures to be fetched, in their order.
    #[schema(max_items = 20)]
    images: Option<Vec<NewImage>>,
}

/// A price to be.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct NewPrice {
    /// A decimal, as a string: 0 or more, below 10¹², with no more decimals than the currency has.
    #[schema(example = "19.90", pattern = r"^\d{1,12}(\.\d+)?$")]
    amount: String,
    /// An ISO 4217 code; the setting `catalogue.currency` where it is left out.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
}

/// A picture to be fetched.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct NewImage {
    /// An `http` or `https` address that everybody can reach.
    #[schema(max_length = 2_048, format = Uri, example = "https://example.com/mug.jpg")]
    source_url: String,
    /// What the picture shows, for those who do not see it.
    #[schema(max_length = 500)]
    alt: Option<String>,
}

/// Create a product.
///
/// The product exists as soon as this is answered; its pictures are `pending` and become `ready`, or `failed` with a
/// reason, as the workers get to them.
#[utoipa::path(
    tag = "Products",
    request_body(content = NewProductBody, content_type = "application/json"),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours")),
    responses(
        (status = 201, body = ProductBody, description = "Created", headers(
            ("Location" = String, description = "The path of the product"),
            ("ETag" = String, description = "The version, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key created it"),
        )),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON, header or query"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The sku is taken, or the first request with the same key is still running"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "The body is too long"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "The body is of another media type"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "Values break rules, all of which are listed; or the key came with another body before"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "A needed part is away"),
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
    let claim = idempotency_claim(&request, &context, &body)?;
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
    Ok(match created {
        CreateAnswer::Fresh(answer) => respond(answer, false),
        CreateAnswer::Replayed(answer) => respond(answer, true),
    })
}

fn respond(answer: StoredAnswer, replayed: bool) -> HttpResponse {
    let mut response =
        HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED));
    for (name, value) in answer.headers {
        response.insert_header((name, value));
    }
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response
        .content_type("application/json")
        .insert_header(super::CACHE_CONTROL)
        .body(answer.body)
}

/// Reads `Idempotency-Key`, quoted or bare.
fn idempotency_claim(
    request: &HttpRequest,
    context: &RequestContext,
    body: &JsonBody,
) -> Result<Option<IdempotencyClaim>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().map(|text| {
        text.strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text)
    });
    let visible =
        |key: &&str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.filter(visible).ok_or_else(|| {
        let detail = format!("`Idempotency-Key` must have 1 to {KEY_MAX} visible ASCII characters.");
        Problem::new(ProblemCode::InvalidHeader, detail)
    })?;
    Ok(Some(IdempotencyClaim {
        account: context.account,
        key: key.to_owned(),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        fingerprint: Sha256::digest(&body.bytes).into(),
    }))
}
