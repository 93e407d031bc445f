//! The query of a log of deliveries.

use domain::{WebhookDeliveryId, WebhookEndpointId};
use utoipa::IntoParams;

use crate::{
    http::{
        page::{cursor_problem, limit},
        problem::Problem,
        query::Query,
    },
    webhooks::cursor,
};

/// How many deliveries a page has where nobody says.
const LIMIT_DEFAULT: u16 = 20;

/// What a log can be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the query for the documentation; `read` reads it and lists all faults"
)]
pub(super) struct LogParameters {
    /// How many deliveries a page has.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// `next_cursor` of the page before, of the same endpoint.
    cursor: Option<String>,
}

/// Reads the query of a log: what it continues after, and how many deliveries a page has.
///
/// # Errors
/// `InvalidQuery` with every fault, `InvalidCursor` or `CursorMismatch`.
pub(super) fn read(
    text: &str,
    endpoint: WebhookEndpointId,
) -> Result<(Option<WebhookDeliveryId>, u16), Problem> {
    let mut query = Query::new(text);
    let limit = query.one("limit", limit).unwrap_or(LIMIT_DEFAULT);
    let word = query.one("cursor", |word| Ok(word.to_owned()));
    query.close()?;
    let after = word
        .map(|word| cursor::decode(&word, endpoint))
        .transpose()
        .map_err(cursor_problem)?;
    Ok((after, limit))
}
