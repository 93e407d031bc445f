//! YAML as a tree of text.
//!
//! YAML itself would turn `007`, `true` or `1e3` into something else than what was written. Here a scalar is its
//! text, and null is an unquoted `~`, `null` or nothing.

use std::borrow::Cow;

use figment::value::{Dict, Empty, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// Text that is not YAML, or YAML that settings have no use for.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub(super) struct YamlError {
    line: usize,
    column: usize,
    problem: String,
}

impl YamlError {
    fn at(marker: &Marker, problem: impl Into<String>) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
            problem: problem.into(),
        }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        Self::at(error.marker(), error.info())
    }
}

/// Reads a text that holds one document. An empty one is null.
pub(super) fn parse(text: &str) -> Result<Value, YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
    };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
            _ if document.is_some() => {
                return Err(YamlError::at(
                    &span.start,
                    "a second document begins here, where one is expected",
                ));
            }
            event => document = Some(reader.node(event, span)?),
        }
    }
    Ok(document.unwrap_or_else(null))
}

struct Reader<'text> {
    parser: Parser<'text, saphyr_parser::StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<Option<(Event<'text>, Span)>, YamlError> {
        Ok(self.parser.next_event().transpose()?)
    }

    /// The next event within a list or a map that has begun and so must end.
    fn inner(&mut self, start: Span) -> Result<(Event<'text>, Span), YamlError> {
        self.next()?
            .ok_or_else(|| YamlError::at(&start.start, "what begins here does not end"))
    }

    fn node(&mut self, event: Event<'text>, span: Span) -> Result<Value, YamlError> {
        match event {
            Event::Scalar(text, style, ..) => Ok(scalar(text, style)),
            Event::SequenceStart(..) => self.list(span),
            Event::MappingStart(..) => self.map(span).map(Value::from),
            Event::Alias(_) => Err(YamlError::at(&span.start, "aliases are not supported")),
            _ => Err(YamlError::at(&span.start, "a value is expected")),
        }
    }

    fn list(&mut self, start: Span) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.inner(start)? {
                (Event::SequenceEnd, _) => return Ok(Value::from(items)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self, start: Span) -> Result<Dict, YamlError> {
        let mut entries = Dict::new();
        loop {
            let (key, span) = match self.inner(start)? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(key, ..), span) => (key.into_owned(), span),
                (_, span) => return Err(YamlError::at(&span.start, "a key must be a single word")),
            };
            let (event, value_span) = self.inner(start)?;
            let value = self.node(event, value_span)?;
            if entries.contains_key(&key) {
                return Err(YamlError::at(&span.start, format!("{key:?} is there twice")));
            }
            entries.insert(key, value);
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    if plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
        return null();
    }
    Value::from(text.into_owned())
}

fn null() -> Value {
    Value::from(Empty::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Value {
        parse(text).unwrap().into_dict().unwrap().remove("key").unwrap()
    }

    #[test]
    fn a_scalar_keeps_the_text_that_was_written() {
        for text in [
            "12345",
            "007",
            "0x1F",
            "1e3",
            "1_000",
            "true",
            "off",
            "12345678901234567890123",
            "-0",
            "1.10",
        ] {
            assert_eq!(entry(&format!("key: {text}")).as_str(), Some(text));
        }
        assert_eq!(entry("key: \"~\"").as_str(), Some("~"));
    }

    #[test]
    fn null_is_only_null_without_quotes() {
        for text in ["key:", "key: ~", "key: null"] {
            assert!(matches!(entry(text), Value::Empty(..)), "{text}");
        }
        assert_eq!(entry("key: 'null'").as_str(), Some("null"));
    }

    #[test]
    fn an_address_with_colons_needs_no_quotes_in_a_flow_list() {
        let items = parse("[127.0.0.0/8, ::1/128]").unwrap().into_array().unwrap();
        let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
        assert_eq!(items, ["127.0.0.0/8", "::1/128"]);
    }

    #[test]
    fn json_is_read_as_well() {
        let map = parse(r#"{"key":["a","b"]}"#).unwrap().into_dict().unwrap();
        assert!(matches!(map["key"], Value::Array(..)));
    }

    #[test]
    fn what_is_there_twice_is_an_error_with_its_line() {
        let error = parse("redis:\n  host: a\nserver:\n  port: 1\nredis:\n  port: 2\n").unwrap_err();
        assert_eq!(error.to_string(), "line 5, column 1: \"redis\" is there twice");
    }

    #[test]
    fn aliases_and_second_documents_are_refused() {
        assert!(
            parse("a: &x 1\nb: *x\n")
                .unwrap_err()
                .to_string()
                .contains("aliases")
        );
        assert!(
            parse("a: 1\n---\nb: 1\n")
                .unwrap_err()
                .to_string()
                .contains("second document")
        );
    }

    #[test]
    fn an_empty_file_is_null() {
        for text in ["", "\n", "# nothing\n", "---\n"] {
            assert!(matches!(parse(text).unwrap(), Value::Empty(..)), "{text:?}");
        }
    }
}
