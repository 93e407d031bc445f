//! One attempt at a delivery, from the signature to the note of how it went.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{WebhookAttempt, WebhookEvent, WebhookFault};
use serde::Serialize;
use serde_json::Value;
use storage_postgres::{AttemptEnd, Database, DueDelivery, webhook_attempt_end};

use super::{DelivererConfig, Sender, sender::Message, signature::signatures};

/// Counts attempts, by how they ended.
pub(super) const ATTEMPTS: &str = "webhook_attempts_total";
/// How long attempts took, by how they ended.
const DURATION: &str = "webhook_attempt_duration_seconds";
/// Counts endpoints that were disabled because nothing could be delivered to them.
pub(super) const DISABLED: &str = "webhook_endpoints_disabled_total";

/// How attempts end, for metrics.
pub(super) const OUTCOMES: [&str; 4] = ["delivered", "retry", "failed", "gone"];

/// What an endpoint receives.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    event: WebhookEvent,
    timestamp: String,
    data: &'a Value,
}

/// Sends a delivery once, and notes how it went.
pub(super) async fn attempt(
    database: &Database,
    sender: &Sender,
    config: &DelivererConfig,
    delivery: &DueDelivery,
) {
    let at = Utc::now();
    let begun = Instant::now();
    let answer = send(sender, delivery, at).await;
    let took = begun.elapsed();
    let end = judge(answer, &config.retry_delays, delivery.failures);
    let attempt = WebhookAttempt {
        at,
        status_code: answer.ok(),
        error: answer.err(),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    };
    count(end, took);
    let (delivery_id, endpoint_id, event) = (delivery.id, delivery.endpoint_id, delivery.event);
    match webhook_attempt_end(database, delivery, &attempt, end, config.disable_after).await {
        Ok(noted) => {
            tracing::debug!(%delivery_id, %endpoint_id, %event, ?answer, ?end, noted = noted.noted, "delivery attempted");
            if noted.disabled {
                metrics::counter!(DISABLED).increment(1);
                tracing::warn!(%endpoint_id, ?answer, "a webhook endpoint is disabled: nothing can be delivered to it");
            }
        }
        Err(error) => {
            tracing::warn!(%delivery_id, %endpoint_id, %error, "an attempt cannot be noted; it is repeated");
        }
    }
}

async fn send(sender: &Sender, delivery: &DueDelivery, at: DateTime<Utc>) -> Result<u16, WebhookFault> {
    let body = Body {
        event: delivery.event,
        timestamp: delivery.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        data: &delivery.data,
    };
    // These types always have a JSON form.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let (id, timestamp) = (delivery.id.to_string(), at.timestamp());
    let signatures = signatures(&delivery.secrets, &id, timestamp, &body);
    let message = Message {
        id: &id,
        timestamp,
        signatures,
        body,
    };
    sender.send(&delivery.url, message).await
}

/// What follows from an answer, after so many failures in a row.
fn judge(answer: Result<u16, WebhookFault>, delays: &[Duration], failures: usize) -> AttemptEnd {
    match answer {
        Ok(200..=299) => AttemptEnd::Delivered,
        Ok(410) => AttemptEnd::Gone,
        // Up to a tenth longer, so that what failed together does not come back together.
        _ => delays.get(failures).map_or(AttemptEnd::Failed, |delay| {
            AttemptEnd::Retry(delay.mul_f64(1.0 + fastrand::f64() / 10.0))
        }),
    }
}

fn count(end: AttemptEnd, took: Duration) {
    let [delivered, retry, failed, gone] = OUTCOMES;
    let outcome = match end {
        AttemptEnd::Delivered => delivered,
        AttemptEnd::Retry(_) => retry,
        AttemptEnd::Failed => failed,
        AttemptEnd::Gone => gone,
    };
    metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(1);
    metrics::histogram!(DURATION, "outcome" => outcome).record(took);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_a_delivery_and_each_failure_waits_for_its_rung() {
        let delays = [5, 300].map(Duration::from_secs);
        for status in [200, 202, 204, 299] {
            assert_eq!(judge(Ok(status), &delays, 1), AttemptEnd::Delivered, "{status}");
        }
        assert_eq!(judge(Ok(410), &delays, 0), AttemptEnd::Gone);
        let answers = [
            Ok(199),
            Ok(301),
            Ok(307),
            Ok(404),
            Ok(429),
            Ok(500),
            Err(WebhookFault::Timeout),
        ];
        for answer in answers {
            for (failures, delay) in delays.into_iter().enumerate() {
                let AttemptEnd::Retry(pause) = judge(answer, &delays, failures) else {
                    panic!("{answer:?} is retried");
                };
                assert!(pause >= delay && pause <= delay.mul_f64(1.1), "{pause:?}");
            }
            assert_eq!(judge(answer, &delays, 2), AttemptEnd::Failed, "{answer:?}");
        }
    }
}
