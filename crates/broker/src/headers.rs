//! The headers that this crate writes and reads, beside those of the envelope.

use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::error::{TooLong, short};

/// On a dead letter: why it is one.
pub const DEAD_REASON_HEADER: &str = "x-dead-reason";
/// On a dead letter: the queue that it comes from, which is where it can be replayed to.
pub const ORIGIN_HEADER: &str = "x-origin-queue";
/// On a dead letter: when it became one, as RFC 3339 has it.
pub const DIED_AT_HEADER: &str = "x-died-at";
/// On a message that was given up while nobody could be told: why. No further work is done on it.
pub const GIVEN_UP_HEADER: &str = "x-given-up";
/// Why the attempts failed, the latest last: a JSON array of texts.
pub const REASONS_HEADER: &str = "x-reasons";
/// How often work on a message was begun and never settled, before it came into the queue that it is in.
pub const STARTS_HEADER: &str = "x-starts";

/// Counts, in a quorum queue, how often a message was delivered before and not settled. The broker writes it.
pub(crate) const DELIVERY_COUNT_HEADER: &str = "x-delivery-count";
/// Tells, of a message that the broker itself moved, from where and why. The broker writes it.
pub(crate) const DEATH_HEADER: &str = "x-death";

/// The longest reason that is carried along, in bytes.
const REASON_LIMIT: usize = 512;
/// How many reasons are carried along, and the longest of them, in bytes.
const REASONS_LIMIT: usize = 8;
const REASONS_LENGTH: usize = 200;

/// At most so many bytes of a reason, ending with a whole character.
pub(crate) fn bounded(reason: &str) -> &str {
    cut(reason, REASON_LIMIT)
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Adds a reason, and forgets the oldest where there are too many.
pub(crate) fn add_reason(reasons: &mut Vec<String>, reason: &str) {
    reasons.push(cut(reason, REASONS_LENGTH).to_owned());
    let surplus = reasons.len().saturating_sub(REASONS_LIMIT);
    reasons.drain(..surplus);
}

/// Reasons as their header has them; none for no reasons.
pub(crate) fn reasons_header(reasons: &[String]) -> Option<String> {
    if reasons.is_empty() {
        return None;
    }
    serde_json::to_string(reasons).ok()
}

/// Reasons out of their header; none where somebody else wrote it.
pub(crate) fn read_reasons(header: Option<String>) -> Vec<String> {
    header
        .and_then(|header| serde_json::from_str(&header).ok())
        .unwrap_or_default()
}

/// A copy with other values: `Some` sets a header, `None` removes it.
pub(crate) fn changed(
    headers: Option<&FieldTable>,
    changes: &[(&str, Option<AMQPValue>)],
) -> Result<FieldTable, TooLong> {
    let mut copy = FieldTable::default();
    let kept = headers.into_iter().flat_map(|headers| headers.inner().iter());
    for (name, value) in kept.filter(|(name, _)| changes.iter().all(|(changed, _)| *changed != name.as_str()))
    {
        copy.insert(name.clone(), value.clone());
    }
    for (name, value) in changes {
        if let Some(value) = value {
            copy.insert(short(name)?, value.clone());
        }
    }
    Ok(copy)
}

/// A text as a header has it.
pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A number as a header has it.
pub(crate) fn number(number: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A number that is not negative, of whatever width the sender chose.
pub(crate) fn integer(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::ShortShortInt(value) => u64::try_from(*value).ok(),
        AMQPValue::ShortShortUInt(value) => Some(u64::from(*value)),
        AMQPValue::ShortInt(value) => u64::try_from(*value).ok(),
        AMQPValue::ShortUInt(value) => Some(u64::from(*value)),
        AMQPValue::LongInt(value) => u64::try_from(*value).ok(),
        AMQPValue::LongUInt(value) => Some(u64::from(*value)),
        AMQPValue::LongLongInt(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

/// A text, long or short.
pub(crate) fn string(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

/// A property as plain text.
pub(crate) fn plain(property: &Option<ShortString>) -> Option<String> {
    property.as_ref().map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = "ä".repeat(400);
        assert_eq!(bounded(&long).len(), 512);
        let odd = format!("x{long}");
        assert_eq!(bounded(&odd).len(), 511);
        assert_eq!(bounded("short"), "short");
    }

    #[test]
    fn the_last_eight_reasons_are_carried_and_each_is_bounded() {
        let mut reasons = Vec::new();
        for attempt in 0..20 {
            add_reason(&mut reasons, &format!("{attempt} \"{}\"", "ä".repeat(200)));
        }
        assert_eq!(reasons.len(), 8);
        assert!(reasons.iter().all(|reason| reason.len() <= 200));
        assert!(reasons[0].starts_with("12 ") && reasons[7].starts_with("19 "));
        assert_eq!(read_reasons(reasons_header(&reasons)), reasons);
        assert_eq!(reasons_header(&[]), None);
        assert!(read_reasons(Some("no JSON".to_owned())).is_empty());
    }

    #[test]
    fn headers_are_set_kept_and_removed() {
        let mut before = FieldTable::default();
        for name in ["kept", "replaced", "removed"] {
            before.insert(name.into(), number(1));
        }
        let changes = [
            ("replaced", Some(number(2))),
            ("removed", None),
            ("new", Some(text("new"))),
        ];
        let after = changed(Some(&before), &changes).unwrap();
        let read = |name: &str| after.inner().get(name).and_then(integer);
        assert_eq!(
            (read("kept"), read("replaced"), read("removed")),
            (Some(1), Some(2), None)
        );
        assert!(after.contains_key("new"));
    }
}
