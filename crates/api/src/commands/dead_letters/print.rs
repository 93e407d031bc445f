//! Dead letters for a person to read.

use std::fmt::Write as _;

use broker::DeadLetter;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

/// One line about a letter.
pub(super) fn line_of(letter: &DeadLetter) -> String {
    format!(
        "{}  {}  image {}  attempts {}  {}  {}",
        one_line(&letter.id),
        one_line(letter.type_name.as_deref().unwrap_or("(no type)")),
        letter
            .image_id
            .map_or_else(|| "-".to_owned(), |image| image.to_string()),
        letter.attempts,
        moment(letter.died_at),
        one_line(&letter.reason),
    )
}

/// Everything about a letter.
pub(super) fn page_of(letter: &DeadLetter) -> String {
    let mut page = String::new();
    let mut row = |name: &str, value: &str| {
        let _infallible = writeln!(page, "{name:<13}{}", one_line(value));
    };
    row("id", &letter.id);
    row("type", letter.type_name.as_deref().unwrap_or("-"));
    row(
        "image",
        &letter
            .image_id
            .map_or_else(|| "-".to_owned(), |image| image.to_string()),
    );
    row("queue", letter.origin_queue.as_deref().unwrap_or("-"));
    row("died at", &moment(letter.died_at));
    row("attempts", &letter.attempts.to_string());
    row("request", letter.request_id.as_deref().unwrap_or("-"));
    row("reason", &letter.reason);
    for (number, reason) in letter.reasons.iter().enumerate() {
        row(if number == 0 { "attempts'" } else { "" }, reason);
    }
    for (number, (name, value)) in letter.headers.iter().enumerate() {
        row(
            if number == 0 { "headers" } else { "" },
            &format!("{name}: {value}"),
        );
    }
    let body = match serde_json::from_slice::<Value>(&letter.body) {
        Ok(body) => format!("{body:#}"),
        Err(_) => printable(&String::from_utf8_lossy(&letter.body), "\n\t"),
    };
    let _infallible = write!(page, "body\n{body}");
    page
}

/// Text that keeps to its line, whoever wrote it: a terminal obeys control characters.
pub(super) fn one_line(text: &str) -> String {
    printable(text, "")
}

fn printable(text: &str, also: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !also.contains(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

fn moment(moment: Option<DateTime<Utc>>) -> String {
    moment.map_or_else(
        || "-".to_owned(),
        |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_cannot_move_the_cursor() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc – ä"), "a\\nb\\u{1b}[2Jc – ä");
        assert_eq!(printable("a\nb\r", "\n"), "a\nb\\r");
    }
}
