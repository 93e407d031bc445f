//! What lands in the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use runtime::logging::subscriber;
use runtime::settings::Logging;
use serde_json::Value;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::Place;

/// A log in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logging(yaml: &str) -> Logging {
    Place::with_file(yaml).settings().logging
}

/// The text that `work` logs.
fn logged(settings: &Logging, rust_log: Option<&str>, terminal: bool, work: impl FnOnce()) -> String {
    let memory = Memory::default();
    let subscriber =
        subscriber(settings, rust_log, memory.clone(), terminal, false).expect("settings that are right");
    with_default(subscriber, work);
    String::from_utf8(memory.0.lock().expect("no writer panicked").clone()).expect("text")
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect()
}

#[test]
fn every_line_within_a_request_carries_its_id_at_the_top() {
    let text = logged(&logging("logging: {format: json}"), None, true, || {
        let request = info_span!("request", request_id = "r-1", status = tracing::field::Empty);
        let _entered = request.enter();
        let _inner = info_span!("query", table = "products").entered();
        request.record("status", 201);
        info!(rows = 3, cached = false, "found");
    });
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["request_id"], "r-1");
    assert_eq!(line["table"], "products");
    assert_eq!(line["status"], 201);
    assert_eq!(line["rows"], 3);
    assert_eq!(line["cached"], false);
    assert_eq!(line["message"], "found");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["span"], "query");
    assert_eq!(line["target"], module_path!());
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
}

#[test]
fn a_warning_carries_the_request_id_even_where_info_is_not_logged() {
    let text = logged(
        &logging("logging: {level: warn, format: json}"),
        None,
        true,
        || {
            let _request = info_span!("request", request_id = "r-1").entered();
            info!("left out");
            warn!("slow");
        },
    );
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["request_id"], "r-1");
}

#[test]
fn a_line_cannot_be_forged_by_what_it_tells() {
    let text = logged(&logging("logging: {format: json}"), None, true, || {
        info!(level = "ERROR", name = "a\n{\"level\":\"ERROR\"}", "created");
    });
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["level"], "INFO");
}

#[test]
fn an_error_is_logged_with_its_causes() {
    let cause = io::Error::other("disk full");
    let failure = runtime::StartError::Signals(cause);
    let text = logged(&logging("logging: {format: json}"), None, true, || {
        error!(error = &failure as &dyn std::error::Error, "failed");
    });
    assert!(
        json_lines(&text)[0]["error"]
            .as_str()
            .unwrap()
            .contains("disk full")
    );
}

#[test]
fn auto_is_json_unless_a_person_is_looking() {
    let work = || info!("hello");
    let settings = logging("logging: {format: auto}");
    assert_eq!(json_lines(&logged(&settings, None, false, work)).len(), 1);
    let pretty = logged(&settings, None, true, work);
    assert!(pretty.contains("INFO") && !pretty.contains('{'), "{pretty}");
}

#[test]
fn a_module_has_a_level_of_its_own() {
    let work = || {
        debug!(target: "api::http", "one");
        debug!(target: "api::outbox", "two");
        info!(target: "hyper::proto", "three");
        warn!(target: "hyper::proto", "four");
    };
    let settings = logging("logging: {level: info, format: json, filters: {'api::http': debug}}");
    let messages: Vec<Value> = json_lines(&logged(&settings, None, false, work))
        .iter()
        .map(|line| line["message"].clone())
        .collect();
    assert_eq!(messages, ["one", "four"]);
}

#[test]
fn rust_log_replaces_the_levels_of_the_settings() {
    let work = || {
        info!(target: "api", "one");
        debug!(target: "lapin", "two");
    };
    let text = logged(
        &logging("logging: {format: json}"),
        Some("warn,lapin=debug"),
        false,
        work,
    );
    assert_eq!(json_lines(&text).len(), 1);
    assert_eq!(json_lines(&text)[0]["message"], "two");
}

#[test]
fn a_bad_rust_log_is_told() {
    let error = subscriber(&logging(""), Some("api=loud"), io::sink, false, false)
        .err()
        .unwrap();
    insta::assert_snapshot!(error, @r#"RUST_LOG: "api=loud" is not a list of filters: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5; give one such as info,api=debug, or unset it"#);
}
