//! Settings from environment variables.

use std::ffi::OsString;

use figment::value::{Dict, Value};

use super::fault::{Complaint, Fault};
use super::layer::Layer;
use super::schema::{Schema, Shape};
use super::{Source, suggest, yaml};

const PREFIX: &str = "PMS__";

/// The environment variable that sets a setting.
pub(super) fn variable_of(setting: &str) -> String {
    format!("{PREFIX}{}", setting.to_uppercase().replace('.', "__"))
}

/// A layer for each variable that is a setting. Those that are not are reported.
pub(super) fn layers(
    variables: &[(OsString, OsString)],
    schema: &Schema,
    faults: &mut Vec<Fault>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let source = Source::Environment(name.to_owned());
        let Some(setting) = schema.settings().find(|setting| variable_of(setting) == name) else {
            faults.push(Fault::unknown(
                name,
                &Source::Environment("the environment".to_owned()),
                &cure(name, schema),
            ));
            continue;
        };
        match text(value).and_then(|text| read(text, schema.shape(setting))) {
            Ok(value) => {
                let values = schema.sift(nest(setting, value), &source, faults);
                layers.push(Layer { source, values });
            }
            Err(complaint) => faults.push(Fault::value(setting, None, &source, &complaint)),
        }
    }
    layers
}

fn text(value: &OsString) -> Result<&str, Complaint> {
    value
        .to_str()
        .ok_or_else(|| Complaint::new("is not UTF-8", "give it in UTF-8"))
}

/// A single value is the variable's text as it stands; only lists and maps are YAML.
fn read(text: &str, shape: Option<Shape>) -> Result<Value, Complaint> {
    let blank = text.trim().is_empty();
    match shape {
        Some(Shape::List) if blank => Ok(Value::from(Vec::<Value>::new())),
        Some(Shape::Map) if blank => Ok(Value::from(Dict::new())),
        Some(Shape::List | Shape::Map) => yaml::parse(text).map_err(|error| {
            Complaint::new(
                format!("is not YAML: {error}"),
                "write a list as [one, another], a map as {name: value}",
            )
        }),
        _ => Ok(Value::from(text)),
    }
}

fn nest(setting: &str, value: Value) -> Dict {
    let (mut keys, last) = match setting.rsplit_once('.') {
        Some((section, last)) => (section.rsplit('.').collect::<Vec<_>>(), last),
        None => (Vec::new(), setting),
    };
    let mut values = Dict::from([(last.to_owned(), value)]);
    for key in keys.drain(..) {
        values = Dict::from([(key.to_owned(), Value::from(values))]);
    }
    values
}

fn cure(name: &str, schema: &Schema) -> String {
    let within = |setting: &&str| {
        schema.shape(setting) == Some(Shape::Map) && name.starts_with(&format!("{}__", variable_of(setting)))
    };
    if let Some(map) = schema.settings().find(within) {
        return format!("give the whole map, as in {}='{{name: value}}'", variable_of(map));
    }
    let known: Vec<String> = schema.settings().map(variable_of).collect();
    // A name in lower case is misspelt too.
    suggest::did_you_mean(&name.to_uppercase(), known.iter().map(String::as_str))
        .unwrap_or_else(|| "unset it; config/default.yaml lists every setting".to_owned())
}
