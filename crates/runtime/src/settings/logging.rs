//! `logging`: what is logged, and how it looks.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;

use super::fault::Complaint;
use super::parse;
use super::section::Section;

/// Logs.
#[derive(Clone, Debug)]
pub struct Logging {
    /// The level of every module that `filters` does not name.
    pub level: LevelFilter,
    /// How a line looks.
    pub format: LogFormat,
    /// Levels by module, such as `api::http`.
    pub filters: BTreeMap<String, LevelFilter>,
}

/// How a line of a log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
    /// For people on a terminal, else JSON.
    #[default]
    Auto,
}

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

const FORMATS: [(&str, LogFormat); 3] = [
    ("json", LogFormat::Json),
    ("pretty", LogFormat::Pretty),
    ("auto", LogFormat::Auto),
];

impl Logging {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let level = |text: &str| parse::choice(text, &LEVELS);
        Self {
            level: section.optional("level", level).unwrap_or(LevelFilter::INFO),
            format: section.parsed("format", |text| parse::choice(text, &FORMATS)),
            filters: section.map("filters", filter).into_iter().collect(),
        }
    }
}

fn filter(module: &str, level: &str) -> Result<LevelFilter, Complaint> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !module.split("::").all(is_word) {
        return Err(Complaint::new(
            "does not belong to a module",
            "name it as Rust does, such as api::http or image_worker",
        ));
    }
    parse::choice(level, &LEVELS)
}
