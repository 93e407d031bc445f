//! Reads the fields of a JSON object one by one, noting every fault instead of stopping at the first.

use domain::fault::{Faults, Rejection, pointer_segment};
use serde_json::{Map, Value};

/// A JSON object that is being read.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins to read the object at `pointer`; anything but an object is a fault.
    pub(crate) fn open(value: &'a Value, pointer: impl Into<String>, faults: &mut Faults) -> Option<Self> {
        let pointer = pointer.into();
        match value {
            Value::Object(object) => Some(Self {
                object,
                pointer,
                known: Vec::new(),
            }),
            other => {
                wrong_type(&pointer, "an object", other, faults);
                None
            }
        }
    }

    /// The pointer to a field of this object.
    pub(crate) fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, pointer_segment(name))
    }

    /// The value of a field; null counts as absent.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Makes fields known without reading them.
    pub(crate) fn expect(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// The text of an optional field, checked by `parse`.
    pub(crate) fn text<T>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        parse: impl FnOnce(&'a str) -> Result<T, Rejection>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let pointer = self.pointer_to(name);
        match value {
            Value::String(text) => faults.take(&pointer, parse(text)),
            other => {
                wrong_type(&pointer, "a string", other, faults);
                None
            }
        }
    }

    /// The text of a field that must be there, checked by `parse`.
    pub(crate) fn required_text<T>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        parse: impl FnOnce(&'a str) -> Result<T, Rejection>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            self.miss(name, faults);
            return None;
        }
        self.text(name, faults, parse)
    }

    /// Notes that a field is missing.
    pub(crate) fn miss(&self, name: &str, faults: &mut Faults) {
        faults.add(self.pointer_to(name), "required", "is required");
    }

    /// Ends the reading: a field that nobody asked for is a fault, so that a typo never passes silently.
    pub(crate) fn close(self, faults: &mut Faults) {
        let known = self.known.join(", ");
        for name in self
            .object
            .keys()
            .filter(|name| !self.known.contains(&name.as_str()))
        {
            faults.add(
                self.pointer_to(name),
                "unknown_field",
                format!("is not known here; the fields are {known}"),
            );
        }
    }
}

/// Notes that a value is of another type than it should be.
pub(crate) fn wrong_type(pointer: &str, expected: &str, found: &Value, faults: &mut Faults) {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    faults.add(pointer, "wrong_type", format!("is {found}; give {expected}"));
}
