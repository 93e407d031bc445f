//! Logs on standard output: JSON for machines, or lines for people.

mod json;

use std::env;
use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::{LogFormat, Logging};
use crate::start_error::StartError;

use json::JsonLines;

/// Sets up the logs of this process, once. `RUST_LOG`, if it is set, replaces the levels of the settings.
pub fn init(settings: &Logging) -> Result<(), StartError> {
    let rust_log = env::var("RUST_LOG").ok();
    let terminal = io::stdout().is_terminal();
    let colours = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = subscriber(settings, rust_log.as_deref(), io::stdout, terminal, colours)?;
    subscriber
        .try_init()
        .map_err(|error| StartError::LoggingTwice(error.to_string()))
}

/// Logs as [`init`] would set them up, for any writer.
pub fn subscriber<W>(
    settings: &Logging,
    rust_log: Option<&str>,
    writer: W,
    terminal: bool,
    colours: bool,
) -> Result<impl Subscriber + Send + Sync + use<W>, StartError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let lines = if json {
        JsonLines::new(writer).boxed()
    } else {
        fmt::layer().with_writer(writer).with_ansi(colours).boxed()
    };
    // A warning within a request must carry its id even where `info`, the level of the span, is not logged.
    let spans = filter_fn(is_context).with_max_level_hint(LevelFilter::INFO);
    let filter = filter(settings, rust_log)?.or(spans);
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

fn is_context(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO
}

fn filter(settings: &Logging, rust_log: Option<&str>) -> Result<EnvFilter, StartError> {
    let directives = match rust_log.map(str::trim).filter(|filters| !filters.is_empty()) {
        Some(filters) => filters.to_owned(),
        None => directives(settings),
    };
    EnvFilter::builder()
        .parse(&directives)
        .map_err(|error| StartError::LogFilter {
            value: directives,
            cause: error.to_string(),
        })
}

fn directives(settings: &Logging) -> String {
    let filters = settings
        .filters
        .iter()
        .map(|(module, level)| format!("{module}={level}"));
    [settings.level.to_string()]
        .into_iter()
        .chain(filters)
        .collect::<Vec<_>>()
        .join(",")
}
