//! The envelope as AMQP properties and headers, and back.

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use messages::{
    Envelope,
    envelope::{ATTEMPT_HEADER, REQUEST_ID_HEADER, TRACEPARENT_HEADER},
};
use uuid::Uuid;

use crate::{
    error::{TooLong, short},
    headers::{
        DELIVERY_COUNT_HEADER, GIVEN_UP_HEADER, REASONS_HEADER, STARTS_HEADER, changed, integer, number,
        read_reasons, reasons_header, string, text,
    },
};

const PERSISTENT: u8 = 2;

/// A message as it lies in a queue: still encoded, so that what is passed on is what came.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) type_name: String,
    pub(crate) envelope: Envelope,
    pub(crate) body: Vec<u8>,
    /// How often it was delivered before and not settled, in any queue since it was last tried.
    pub(crate) starts: u64,
    /// Why it was given up, if it was and that could not yet be told.
    pub(crate) given_up: Option<String>,
    /// Why its attempts failed.
    pub(crate) reasons: Vec<String>,
}

/// Properties without which a message cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("the property {property} {fault}")]
pub(crate) struct Malformed {
    property: &'static str,
    fault: &'static str,
}

/// The properties of a message that is to outlive a restart of the broker.
pub(crate) fn properties_of(
    type_name: &str,
    envelope: &Envelope,
    extra: &[(&str, String)],
) -> Result<BasicProperties, TooLong> {
    let mut headers = FieldTable::default();
    headers.insert(
        short(ATTEMPT_HEADER)?,
        AMQPValue::LongLongInt(envelope.attempt.into()),
    );
    let optional = [
        (REQUEST_ID_HEADER, &envelope.request_id),
        (TRACEPARENT_HEADER, &envelope.traceparent),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    for (name, value) in optional.chain(extra.iter().map(|(name, value)| (*name, value))) {
        headers.insert(short(name)?, AMQPValue::LongString(value.as_str().into()));
    }
    let seconds = u64::try_from(envelope.timestamp.timestamp()).unwrap_or_default();
    Ok(BasicProperties::default()
        .with_content_type(short("application/json")?)
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&envelope.message_id.to_string())?)
        .with_correlation_id(short(&envelope.correlation_id.to_string())?)
        .with_timestamp(seconds)
        .with_type(short(type_name)?)
        .with_headers(headers))
}

impl Letter {
    pub(crate) fn read(properties: &BasicProperties, body: Vec<u8>) -> Result<Self, Malformed> {
        let Some(type_name) = properties.kind() else {
            return Err(missing("type"));
        };
        let header = |name: &str| properties.headers().as_ref()?.inner().get(name);
        let attempt = header(ATTEMPT_HEADER).and_then(integer).unwrap_or(1).max(1);
        let envelope = Envelope {
            message_id: identifier("message_id", properties.message_id().as_ref())?,
            correlation_id: identifier("correlation_id", properties.correlation_id().as_ref())?,
            timestamp: timestamp(*properties.timestamp()),
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            request_id: header(REQUEST_ID_HEADER).and_then(string),
            traceparent: header(TRACEPARENT_HEADER).and_then(string),
        };
        Ok(Self {
            type_name: type_name.as_str().to_owned(),
            envelope,
            body,
            starts: starts(properties),
            given_up: header(GIVEN_UP_HEADER).and_then(string),
            reasons: read_reasons(header(REASONS_HEADER).and_then(string)),
        })
    }
}

/// How often a message was delivered before and not settled, in this queue or one before it.
fn starts(properties: &BasicProperties) -> u64 {
    let header = |name: &str| integer(properties.headers().as_ref()?.inner().get(name)?);
    let here = header(DELIVERY_COUNT_HEADER).unwrap_or(0);
    here.saturating_add(header(STARTS_HEADER).unwrap_or(0))
}

/// The properties of a message as it came, for another queue or another place in its own: what the broker counted of
/// its deliveries is carried along, and so is why its attempts failed.
pub(crate) fn carried(
    properties: &BasicProperties,
    starts: u64,
    reasons: &[String],
) -> Result<BasicProperties, TooLong> {
    let changes = [
        (DELIVERY_COUNT_HEADER, None),
        (STARTS_HEADER, (starts > 0).then(|| number(starts))),
        (
            REASONS_HEADER,
            reasons_header(reasons).map(|header| text(&header)),
        ),
    ];
    let headers = changed(properties.headers().as_ref(), &changes)?;
    Ok(properties
        .clone()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers))
}

fn missing(property: &'static str) -> Malformed {
    let fault = "is missing";
    Malformed { property, fault }
}

fn identifier(property: &'static str, value: Option<&ShortString>) -> Result<Uuid, Malformed> {
    let value = value.ok_or_else(|| missing(property))?;
    let fault = "is not a UUID";
    Uuid::parse_str(value.as_str()).map_err(|_| Malformed { property, fault })
}

/// The sender's time; ours where it gave none.
fn timestamp(seconds: Option<u64>) -> DateTime<Utc> {
    seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or_else(Utc::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = Some("request with – umlauts äöü".to_owned());
        let mut envelope = Envelope::first(Uuid::now_v7(), request, Some(trace.to_owned()));
        envelope.timestamp = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        envelope.attempt = 3;
        envelope
    }

    #[test]
    fn an_envelope_survives_the_way_through_amqp() {
        let sent = envelope();
        let properties = properties_of("image.process.v1", &sent, &[]).unwrap();
        assert_eq!(properties.delivery_mode(), &Some(2));
        let letter = Letter::read(&properties, b"{}".to_vec()).unwrap();
        assert_eq!(letter.envelope, sent);
        assert_eq!(letter.type_name, "image.process.v1");
        assert_eq!((letter.starts, letter.given_up), (0, None));
    }

    #[test]
    fn an_absent_attempt_is_the_first() {
        let properties = properties_of("image.process.v1", &envelope(), &[]).unwrap();
        let properties = properties.with_headers(FieldTable::default());
        let letter = Letter::read(&properties, Vec::new()).unwrap();
        assert_eq!(letter.envelope.attempt, 1);
        assert_eq!(letter.envelope.request_id, None);
    }

    #[test]
    fn a_message_without_identity_is_malformed() {
        let properties = properties_of("image.process.v1", &envelope(), &[]).unwrap();
        let unnamed = properties.clone().with_message_id("seven".into());
        let fault = Letter::read(&unnamed, Vec::new()).unwrap_err();
        assert_eq!(fault.to_string(), "the property message_id is not a UUID");
        let fault = Letter::read(&BasicProperties::default(), Vec::new()).unwrap_err();
        assert_eq!(fault.to_string(), "the property type is missing");
    }

    #[test]
    fn a_message_that_is_passed_on_keeps_what_it_came_with() {
        let sent = envelope();
        let counted = [(DELIVERY_COUNT_HEADER, "2".to_owned())];
        let properties = properties_of("image.process.v1", &sent, &counted).unwrap();
        let reasons = ["the source was slow".to_owned()];
        let passed_on = carried(&properties, 2, &reasons).unwrap();
        let letter = Letter::read(&passed_on, Vec::new()).unwrap();
        assert_eq!(letter.envelope, sent);
        assert_eq!(letter.type_name, "image.process.v1");
        assert_eq!((letter.starts, &letter.reasons[..]), (2, &reasons[..]));
        let headers = passed_on.headers().as_ref().unwrap();
        assert!(!headers.contains_key(DELIVERY_COUNT_HEADER));
        let innocent = carried(&passed_on, 0, &reasons).unwrap();
        assert_eq!(Letter::read(&innocent, Vec::new()).unwrap().starts, 0);
    }

    #[test]
    fn names_too_long_for_amqp_are_errors_and_not_panics() {
        assert!(properties_of(&"x".repeat(256), &envelope(), &[]).is_err());
    }
}
