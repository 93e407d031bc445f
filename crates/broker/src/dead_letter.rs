//! What lies among the dead letters, as far as it can be read.

use chrono::{DateTime, Utc};
use lapin::{
    Acker, BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};
use messages::{
    Names, Work,
    envelope::{ATTEMPT_HEADER, REQUEST_ID_HEADER, TRACEPARENT_HEADER},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::headers::{
    DEAD_REASON_HEADER, DEATH_HEADER, DIED_AT_HEADER, ORIGIN_HEADER, REASONS_HEADER, integer, plain,
    read_reasons, string,
};

/// A message that could not be done.
#[derive(Debug)]
pub struct DeadLetter {
    /// Its place among those that were there when they were opened, from 1.
    pub number: u32,
    /// What it is called by: its `message_id`, or where it has none, a digest of its body.
    pub id: String,
    /// The AMQP `message_id`, where it is one of ours.
    pub message_id: Option<Uuid>,
    /// The image that it is about.
    pub image_id: Option<Uuid>,
    /// The AMQP `type`.
    pub type_name: Option<String>,
    /// Why it is here.
    pub reason: String,
    /// Why its attempts failed, the latest last; at most the last eight.
    pub reasons: Vec<String>,
    /// How often it was tried, as far as that was counted.
    pub attempts: u32,
    /// The queue that it comes from.
    pub origin_queue: Option<String>,
    /// The work whose queue that is, which is where it can be published to again.
    pub work: Option<Work>,
    /// When it came here.
    pub died_at: Option<DateTime<Utc>>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Every header, readable.
    pub headers: Vec<(String, String)>,
    pub(crate) properties: BasicProperties,
    pub(crate) acker: Acker,
}

impl DeadLetter {
    pub(crate) fn read(number: u32, names: &Names, delivery: Delivery) -> Self {
        let properties = delivery.properties;
        let headers = properties.headers().clone().unwrap_or_default();
        let said = |name: &str| headers.inner().get(name).and_then(string);
        let death = Death::of(&headers, names);
        let reason = said(DEAD_REASON_HEADER).or_else(|| Some(death.as_ref()?.words()));
        let origin_queue = said(ORIGIN_HEADER).or_else(|| Some(death.as_ref()?.queue.clone()));
        let died_at = said(DIED_AT_HEADER)
            .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
            .map(|moment| moment.to_utc())
            .or_else(|| death.as_ref()?.moment);
        let attempts = headers.inner().get(ATTEMPT_HEADER).and_then(integer).unwrap_or(1);
        let identifier = |text: Option<String>| Uuid::parse_str(&text?).ok();
        let message_id = plain(properties.message_id());
        let id = message_id.clone().unwrap_or_else(|| digest(&delivery.data));
        Self {
            number,
            id,
            message_id: identifier(message_id),
            image_id: identifier(plain(properties.correlation_id())),
            type_name: plain(properties.kind()),
            reason: reason.unwrap_or_else(|| "nobody has said why".to_owned()),
            reasons: read_reasons(said(REASONS_HEADER)),
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            work: origin_queue.as_deref().and_then(|queue| names.work_of(queue)),
            origin_queue,
            died_at,
            request_id: said(REQUEST_ID_HEADER),
            traceparent: said(TRACEPARENT_HEADER),
            body: delivery.data,
            headers: headers
                .inner()
                .iter()
                .map(|(name, value)| (name.to_string(), readable(value)))
                .collect(),
            properties,
            acker: delivery.acker,
        }
    }
}

/// What the broker notes of a message that it buries itself.
struct Death {
    queue: String,
    why: String,
    moment: Option<DateTime<Utc>>,
}

impl Death {
    /// The latest death in a queue of ours, other than waiting in a retry queue, which ends so by intention.
    fn of(headers: &FieldTable, names: &Names) -> Option<Self> {
        let AMQPValue::FieldArray(deaths) = headers.inner().get(DEATH_HEADER)? else {
            return None;
        };
        let mut deaths = deaths.as_slice().iter().filter_map(|death| match death {
            AMQPValue::FieldTable(death) => Self::read(death),
            _ => None,
        });
        deaths.find(|death| death.why != "expired" && names.work_of(&death.queue).is_some())
    }

    fn read(death: &FieldTable) -> Option<Self> {
        let said = |name: &str| death.inner().get(name).and_then(string);
        let moment = match death.inner().get("time") {
            Some(AMQPValue::Timestamp(seconds)) => i64::try_from(*seconds).ok(),
            _ => None,
        };
        Some(Self {
            queue: said("queue")?,
            why: said("reason")?,
            moment: moment.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        })
    }

    fn words(&self) -> String {
        match self.why.as_str() {
            "rejected" => "the message could not be read".to_owned(),
            "delivery_limit" => format!(
                "delivered more than {} times and never settled",
                crate::topology::WORK_DELIVERY_LIMIT
            ),
            other => format!("RabbitMQ moved it here: {other}"),
        }
    }
}

fn digest(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let start: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("body-{start}")
}

/// A header for a person to read.
fn readable(value: &AMQPValue) -> String {
    match value {
        AMQPValue::Timestamp(seconds) => i64::try_from(*seconds)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or_else(|| seconds.to_string(), |moment| moment.to_rfc3339()),
        AMQPValue::FieldArray(values) => {
            let values: Vec<_> = values.as_slice().iter().map(readable).collect();
            format!("[{}]", values.join(", "))
        }
        AMQPValue::FieldTable(table) => {
            let fields = table.inner().iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| format!("{name}: {}", readable(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => string(other)
            .or_else(|| integer(other).map(|number| number.to_string()))
            .unwrap_or_else(|| format!("{other:?}")),
    }
}
