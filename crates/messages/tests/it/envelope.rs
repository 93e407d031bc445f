use messages::Envelope;
use serde_json::Value;
use uuid::Uuid;

use crate::golden::{files_of, with_news};

#[test]
fn an_envelope_that_was_stored_once_is_read_and_written_the_same() {
    for golden in files_of("envelope") {
        let envelope: Envelope = serde_json::from_value(golden.value.clone()).unwrap();
        let written: Value = serde_json::to_value(&envelope).unwrap();
        assert_eq!(written, golden.value, "{}", golden.file);
        let with_news: Envelope = serde_json::from_value(with_news(&golden.value)).unwrap();
        assert_eq!(with_news, envelope, "{}", golden.file);
    }
}

#[test]
fn an_answer_keeps_the_request_and_begins_at_the_first_attempt() {
    let mut asked = Envelope::first(Uuid::now_v7(), Some("req-7".into()), Some("00-aa-bb-01".into()));
    asked.attempt = 3;
    let answer = asked.answer();
    assert_eq!(answer.correlation_id, asked.correlation_id);
    assert_eq!(answer.request_id, asked.request_id);
    assert_eq!(answer.traceparent, asked.traceparent);
    assert_eq!(answer.attempt, 1);
    assert_ne!(answer.message_id, asked.message_id);
}
