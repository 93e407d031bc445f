//! The merged settings, and what was found to be wrong with them.

use std::collections::BTreeMap;

use figment::Figment;
use figment::value::Value;

use super::fault::{Complaint, Fault, SettingsError};
use super::layer;
use super::schema::Schema;
use super::section::Section;
use super::source::{Source, Sources};

pub(super) struct Ledger {
    figment: Figment,
    faults: Vec<Fault>,
}

impl Ledger {
    pub(super) fn new(figment: Figment, faults: Vec<Fault>) -> Self {
        Self { figment, faults }
    }

    /// The settings of a section, for reading.
    pub(super) fn section(&mut self, name: &str) -> Section<'_> {
        let values = self.find(name).and_then(Value::into_dict).unwrap_or_default();
        Section::new(name.to_owned(), values, self)
    }

    pub(super) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn source_of_value(&self, value: &Value) -> Source {
        layer::source_of(&self.figment, value)
    }

    /// A rule between settings. It is judged only if each of `settings` is sound by itself, and its breach is
    /// told of the first, which must not be a secret.
    pub(super) fn require(&mut self, holds: bool, settings: &[&str], complaint: &Complaint) {
        let faulty = |setting: &&str| {
            self.faults
                .iter()
                .any(|fault| is_within(fault.setting(), setting))
        };
        let Some(setting) = settings.first() else { return };
        if holds || settings.iter().any(faulty) {
            return;
        }
        let fault = match self.find(setting) {
            Some(value) if !matches!(value, Value::Empty(..)) => Fault::value(
                setting,
                Some(&show(&value)),
                &self.source_of_value(&value),
                complaint,
            ),
            _ => Fault::unset(setting, complaint),
        };
        self.faults.push(fault);
    }

    /// A setting as a message names it: its value and where it came from.
    pub(super) fn describe(&self, setting: &str) -> String {
        match self.find(setting) {
            Some(value) if !matches!(value, Value::Empty(..)) => {
                format!(
                    "{setting} {} (from {})",
                    show(&value),
                    self.source_of_value(&value)
                )
            }
            _ => format!("{setting}, which is not set,"),
        }
    }

    /// The sources of all settings that are not at their default.
    pub(super) fn sources(&self, schema: &Schema) -> Sources {
        let mut sources = BTreeMap::new();
        for setting in schema.settings() {
            let Some(value) = self.find(setting) else { continue };
            let source = self.source_of_value(&value);
            if source != Source::Default {
                sources.insert(setting.to_owned(), source);
            }
        }
        Sources::new(sources)
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.faults.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError::new(self.faults))
        }
    }

    fn find(&self, setting: &str) -> Option<Value> {
        self.figment.find_value(setting).ok()
    }
}

/// Whether `name` is the setting or a part of it, such as an entry of its list.
fn is_within(name: &str, setting: &str) -> bool {
    name.strip_prefix(setting)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A value as a message shows it: on one line, and not too long.
pub(super) fn show(value: &Value) -> String {
    const LONGEST: usize = 80;
    let shown = match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Array(_, items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Dict(_, entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        _ => "nothing".to_owned(),
    };
    if shown.chars().count() <= LONGEST {
        return shown;
    }
    shown.chars().take(LONGEST).chain(['…']).collect()
}
