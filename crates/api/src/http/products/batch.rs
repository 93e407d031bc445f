//! `POST /products/batch`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post};
use domain::Product;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use storage_postgres::StoredAnswer;
use utoipa::ToSchema;

use super::{CACHE_CONTROL, Catalogue, batch_body::BatchBody, create::NewProductBody};
use crate::{
    http::{
        context::RequestContext,
        idempotency,
        problem::{Problem, ProblemBody},
        query, to_the_end,
    },
    products::{ProductBody, ProductError, batch::create_products},
};

/// Products to be.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body for the documentation; `products::batch` reads it and lists all faults"
)]
#[schema(as = NewProductBatch)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBatchBody {
    /// Each as for `POST /products`.
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<NewProductBody>,
}

/// What came of a batch.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductBatch)]
struct BatchAnswerBody<'a> {
    /// One for each item of the request, in the same order.
    items: Vec<ItemBody<'a>>,
}

/// What came of one item.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductBatchItem)]
struct ItemBody<'a> {
    /// The place in the request, from 0; blank lines do not count.
    #[schema(minimum = 0, maximum = 499)]
    index: usize,
    /// The HTTP status that `POST /products` would have answered: 201, 400, 409 or 422.
    #[schema(example = 201)]
    status: u16,
    /// As it was created, where `status` is 201.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<ProductBody<'a>>,
    /// Why it was not, else. Pointers in `errors` begin at the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// Create up to 500 products.
///
/// Each item is a product as `POST /products` takes it, and what comes of it is what that would have answered. An item that
/// is refused is no matter to the others: look at the `status` of each. Of two items with the same sku the first is created.
///
/// With `application/x-ndjson`, each line is one product; blank lines are passed over, and a line that is not JSON is refused
/// by itself. The answer is one JSON object for either.
///
/// With an `Idempotency-Key`, a repetition gets the whole answer again, refused items included.
#[utoipa::path(
    operation_id = "createProducts",
    tag = "Products",
    request_body(content(
        (NewBatchBody = "application/json", example = json!({"items": [
            {"name": "Enamel mug", "sku": "MUG-01", "price": {"amount": "19.90", "currency": "EUR"}},
            {"name": "Enamel bowl", "sku": "BOWL-01", "price": {"amount": "24.00", "currency": "EUR"}},
        ]})),
        (String = "application/x-ndjson", example = json!("{\"name\":\"Enamel mug\",\"price\":{\"amount\":\"19.90\"}}\n{\"name\":\"Enamel bowl\",\"price\":{\"amount\":\"24.00\"}}\n")),
    )),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes repetitions of this request answer as its first did, for 24 hours")),
    responses(
        (status = 200, body = BatchAnswerBody, description = "What came of each item", headers(
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key was answered so"),
        )),
    ),
)]
#[post("/products/batch")]
pub(super) async fn batch(
    request: HttpRequest,
    catalogue: Catalogue,
    context: RequestContext,
    body: BatchBody,
) -> Result<HttpResponse, Problem> {
    query::refuse(request.query_string())?;
    let BatchBody { items, bytes, place } = body;
    let claim = idempotency::claim_of(&request, &context, || Sha256::digest(&bytes).into())?;
    let instance = request.path().to_owned();
    let created = to_the_end(async move {
        let _place = place;
        let answer = |outcomes: Vec<Result<Product, ProductError>>| {
            render(&catalogue, &instance, &context.request_id, outcomes)
        };
        let (account, cause) = (context.account, context.cause());
        create_products(&catalogue, account, &cause, items, claim.as_ref(), answer).await
    })
    .await?;
    Ok(idempotency::respond(created, CACHE_CONTROL))
}

fn render(
    catalogue: &Catalogue,
    instance: &str,
    request_id: &str,
    outcomes: Vec<Result<Product, ProductError>>,
) -> StoredAnswer {
    let outcomes: Vec<Result<Product, Problem>> = outcomes
        .into_iter()
        .map(|outcome| outcome.map_err(Problem::from))
        .collect();
    let items = outcomes.iter().enumerate().map(|(index, outcome)| match outcome {
        Ok(product) => ItemBody {
            index,
            status: StatusCode::CREATED.as_u16(),
            product: Some(ProductBody::new(product, &catalogue.urls)),
            problem: None,
        },
        Err(problem) => ItemBody {
            index,
            status: problem.code().status(),
            product: None,
            problem: Some(problem.to_body(instance, request_id)),
        },
    });
    let items = items.collect();
    StoredAnswer {
        status: StatusCode::OK.as_u16(),
        headers: Vec::new(),
        // These types always have a JSON form.
        body: serde_json::to_vec(&BatchAnswerBody { items }).unwrap_or_default(),
    }
}
