//! One layer of settings, and where it came from.

use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::Source;

/// Values from one source.
pub(super) struct Layer {
    pub(super) source: Source,
    pub(super) values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let metadata = Metadata::named("settings");
        match &self.source {
            Source::Default => metadata,
            Source::File(path) => metadata.source(path.as_path()),
            Source::Environment(name) => metadata.source(name.as_str()),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The layer that a value, in settings merged from layers, was part of.
pub(super) fn source_of(figment: &Figment, value: &Value) -> Source {
    match figment
        .get_metadata(value.tag())
        .and_then(|metadata| metadata.source.as_ref())
    {
        Some(figment::Source::File(path)) => Source::File(path.clone()),
        Some(figment::Source::Custom(name)) => Source::Environment(name.clone()),
        _ => Source::Default,
    }
}
