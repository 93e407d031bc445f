//! Reads the body of a batch: one JSON text, or one product in each line.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    body::{BodyStream, to_bytes_limited},
    dev::Payload,
    http::header,
    web::{self, Bytes},
};
use domain::{AccountId, Faults, ProblemCode};
use serde_json::Value;

use crate::{
    http::{
        context::RequestContext,
        json::{self, BYTE_ORDER_MARK, JSON},
        problem::Problem,
        strict_json,
    },
    places::{Place, Places},
    products::{ProductError, batch},
};

/// The media type of JSON texts, each in a line of its own.
const LINES: &str = "application/x-ndjson";
/// How long a batch may be, and how many are read at a time.
#[derive(Clone, Debug)]
pub struct BatchLimits {
    /// Of one body.
    pub bytes: usize,
    /// Of those that are read and carried out.
    pub places: Places,
}

/// The body of a batch, and its place among those that are read at a time.
pub(super) struct BatchBody {
    /// Each item, or why it is none.
    pub(super) items: Vec<Result<Value, ProductError>>,
    /// As it came.
    pub(super) bytes: Bytes,
    /// To be kept until the batch is carried out.
    pub(super) place: Place,
}

impl FromRequest for BatchBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = json::media_type(request, &[JSON, LINES], header::ACCEPT);
        let limits = request.app_data::<web::Data<BatchLimits>>().cloned();
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced: Option<usize> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        let patience = json::patience(request);
        let account = request
            .extensions()
            .get::<RequestContext>()
            .map(|context| context.account);
        let payload = payload.take();
        Box::pin(async move {
            let media_type = media_type?;
            let limits = limits.ok_or_else(|| {
                Problem::new(ProblemCode::Internal, "The request could not be carried out.")
                    .because("the server has no limits for batches")
            })?;
            if announced.is_some_and(|announced| announced > limits.bytes) {
                return Err(json::too_long(limits.bytes));
            }
            // Meanwhile the body waits on the caller's side.
            let place = limits.places.wait(account.unwrap_or(AccountId::DEFAULT)).await;
            let place = place.map_err(|_| {
                Problem::busy(
                    "Your account has as many batches waiting as it may; send the next after one of them.",
                )
            })?;
            let reading = to_bytes_limited(BodyStream::new(payload), limits.bytes);
            let bytes = tokio::time::timeout(patience, reading)
                .await
                .map_err(|_| json::too_slow(patience))?
                .map_err(|_| json::too_long(limits.bytes))?
                .map_err(|_| json::broken_off())?;
            let read = if media_type == LINES {
                read_lines
            } else {
                read_json
            };
            let text = bytes.clone();
            // Megabytes take milliseconds, in which others are to be answered.
            let items = web::block(move || read(&text)).await.map_err(|error| {
                Problem::busy("The service has more requests than it can answer.").because(error.to_string())
            })??;
            Ok(Self { items, bytes, place })
        })
    }
}

type Items = Vec<Result<Value, ProductError>>;

fn read_json(bytes: &[u8]) -> Result<Items, Problem> {
    let body = strict_json::read(bytes).map_err(|error| json::malformed(bytes, &error))?;
    Ok(batch::read_items(body)?.into_iter().map(Ok).collect())
}

fn read_lines(bytes: &[u8]) -> Result<Items, Problem> {
    let lines: Vec<(usize, &[u8])> = (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect();
    let mut faults = Faults::new();
    batch::check_count(lines.len(), "#", &mut faults);
    if !faults.is_empty() {
        return Err(faults.into());
    }
    let read = |(number, line)| strict_json::read(line).map_err(|error| malformed(number, line, &error));
    Ok(lines.into_iter().map(read).collect())
}

fn malformed(number: usize, line: &[u8], error: &serde_json::Error) -> ProductError {
    if line.starts_with(BYTE_ORDER_MARK) {
        let detail = format!("Line {number} of the body begins with a byte order mark; leave it out.");
        return ProductError::Malformed(detail);
    }
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = told.strip_suffix(&place).unwrap_or(&told);
    let column = error.column();
    ProductError::Malformed(format!(
        "Line {number} of the body is not JSON: {what} at column {column}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<Value, String>> {
        let items = read_lines(text).unwrap().into_iter();
        let told = |error: ProductError| match error {
            ProductError::Malformed(detail) => detail,
            other => panic!("{other:?}"),
        };
        items.map(|item| item.map_err(told)).collect()
    }

    #[test]
    fn each_line_is_an_item_and_blank_ones_are_none() {
        let text = b"\n{\"name\":\"A\"}\r\n \t\n{\"name\":\"B\"}\n{\"name\":\n\n{\"a\":1,\"a\":2}\n7";
        let expected = [
            Ok(serde_json::json!({"name": "A"})),
            Ok(serde_json::json!({"name": "B"})),
            Err("Line 5 of the body is not JSON: EOF while parsing a value at column 8.".to_owned()),
            Err(
                "Line 7 of the body is not JSON: the name \"a\" stands twice in one object at column 10."
                    .to_owned(),
            ),
            Ok(serde_json::json!(7)),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn lines_that_are_no_text_are_told() {
        let items = read(b"\xef\xbb\xbf{}\n\"\xff\"");
        let told: Vec<_> = items.into_iter().map(Result::unwrap_err).collect();
        assert_eq!(
            told[0],
            "Line 1 of the body begins with a byte order mark; leave it out."
        );
        assert!(
            told[1].starts_with("Line 2 of the body is not JSON: invalid unicode"),
            "{}",
            told[1]
        );
    }

    #[test]
    fn there_are_1_to_500_lines() {
        let code = |text: String| {
            read_lines(text.as_bytes())
                .map(|items| items.len())
                .map_err(|problem| problem.code())
        };
        assert_eq!(code("{}\n".repeat(500)), Ok(500));
        assert_eq!(code("{}\n".repeat(501)), Err(ProblemCode::ValidationFailed));
        assert_eq!(code("\n \n".to_owned()), Err(ProblemCode::ValidationFailed));
    }
}
