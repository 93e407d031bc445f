//! Which settings there are, and of which shape: the built-in defaults hold every one of them.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::fault::{Complaint, Fault};
use super::{Source, suggest};

/// Maps whose keys are the user's own.
const MAPS: [&str; 1] = ["logging.filters"];

/// What a setting looks like in YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Settings under a common name.
    Section,
    /// One value.
    Value,
    /// One value, or none.
    Optional,
    /// A list of values.
    List,
    /// A map whose keys are the user's own.
    Map,
}

/// Every setting there is, by its dotted name.
pub(super) struct Schema(BTreeMap<String, Shape>);

impl Schema {
    pub(super) fn of_defaults(defaults: &Dict) -> Self {
        let mut shapes = BTreeMap::new();
        collect("", defaults, &mut shapes);
        Self(shapes)
    }

    pub(super) fn shape(&self, setting: &str) -> Option<Shape> {
        self.0.get(setting).copied()
    }

    /// The names of all settings, without the sections.
    pub(super) fn settings(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, shape)| **shape != Shape::Section)
            .map(|(name, _)| name.as_str())
    }

    /// Keeps what is a setting and looks like one, and reports the rest. Where a null is allowed, it is left
    /// out, so that the layer below shows through.
    pub(super) fn sift(&self, values: Dict, source: &Source, faults: &mut Vec<Fault>) -> Dict {
        self.sift_section("", values, source, faults)
    }

    fn sift_section(&self, section: &str, values: Dict, source: &Source, faults: &mut Vec<Fault>) -> Dict {
        let mut kept = Dict::new();
        for (key, value) in values {
            let setting = join(section, &key);
            let wrong = |problem: &str, cure: String| {
                Fault::value(&setting, None, source, &Complaint::new(problem, cure))
            };
            match (self.shape(&setting), value) {
                (None, _) => faults.push(Fault::unknown(
                    &setting,
                    source,
                    &self.cure_for_unknown(section, &setting),
                )),
                (Some(Shape::Section | Shape::Optional), Value::Empty(..)) => {}
                (Some(Shape::Section), Value::Dict(_, inner)) => {
                    kept.insert(
                        key,
                        Value::from(self.sift_section(&setting, inner, source, faults)),
                    );
                }
                (Some(Shape::Map), value @ Value::Dict(..))
                | (Some(Shape::List), value @ Value::Array(..))
                | (Some(Shape::Value | Shape::Optional), value @ Value::String(..)) => {
                    kept.insert(key, value);
                }
                // Often the trace of a value that YAML took for a comment.
                (Some(Shape::Value | Shape::List | Shape::Map), Value::Empty(..)) => faults.push(wrong(
                    "is empty",
                    "give one, in quotes if it begins with #, or leave the setting out".to_owned(),
                )),
                (Some(Shape::Section), _) => faults.push(wrong(
                    "is not a section",
                    format!("give its settings below it: {}", self.names_in(&setting)),
                )),
                (Some(Shape::Map), _) => {
                    faults.push(wrong("is not a map", "write it as {name: value}".to_owned()));
                }
                (Some(Shape::List), _) => {
                    faults.push(wrong("is not a list", "write it as [one, another]".to_owned()));
                }
                (Some(Shape::Value | Shape::Optional), _) => {
                    faults.push(wrong("is a list or a map", "give a single value".to_owned()));
                }
            }
        }
        kept
    }

    fn cure_for_unknown(&self, section: &str, setting: &str) -> String {
        suggest::did_you_mean(setting, self.0.keys().map(String::as_str)).unwrap_or_else(|| {
            let names = self.names_in(section);
            if section.is_empty() {
                format!("remove it; the sections are {names}")
            } else {
                format!("remove it; the settings of {section} are {names}")
            }
        })
    }

    /// The names directly in a section, without the name of the section.
    fn names_in(&self, section: &str) -> String {
        let prefix = if section.is_empty() {
            String::new()
        } else {
            format!("{section}.")
        };
        let names: Vec<&str> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|name| !name.contains('.'))
            .collect();
        names.join(", ")
    }
}

fn collect(section: &str, values: &Dict, shapes: &mut BTreeMap<String, Shape>) {
    for (key, value) in values {
        let name = join(section, key);
        let shape = match value {
            Value::Dict(..) if MAPS.contains(&name.as_str()) => Shape::Map,
            Value::Dict(_, inner) => {
                collect(&name, inner, shapes);
                Shape::Section
            }
            Value::Array(..) => Shape::List,
            Value::Empty(..) => Shape::Optional,
            _ => Shape::Value,
        };
        shapes.insert(name, shape);
    }
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}
