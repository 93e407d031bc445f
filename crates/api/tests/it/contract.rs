//! The description holds: every answer that any test gets is compared with it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::Answer;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// The description of the API, as the code makes it.
pub(crate) struct Contract {
    /// As it is served.
    pub(crate) document: Value,
    /// The same schemas, where nothing may be that is not described.
    strict: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Fails where an answer is not one of those that are described for the operation. What no operation answers is not
/// looked at: pages, and addresses that there are not.
pub(crate) fn check(method: &Method, target: &str, answer: &Answer) {
    let contract = contract();
    let path = target.split('?').next().unwrap_or_default();
    let Some(operation) = contract.operation(method, path) else {
        return;
    };
    let what = format!("{method} {target} answered {}: {}", answer.status, answer.text);
    let described = &operation["responses"][answer.status.to_string()];
    assert!(
        described.is_object(),
        "this status is not described for the operation: {what}"
    );
    contract.check_headers(described, answer, &what);
    contract.check_body(described, answer, &what);
}

/// The description of the API.
pub(crate) fn contract() -> &'static Contract {
    &CONTRACT
}

impl Contract {
    fn read() -> Self {
        let document: Value = serde_json::to_value(api::http::document()).unwrap();
        let mut strict = document["components"].clone();
        for schema in strict["schemas"].as_object_mut().unwrap().values_mut() {
            // What is referred to may be one part of something larger, so that only those who refer to it are closed.
            close(schema, true);
        }
        Self {
            document,
            strict,
            validators: Mutex::default(),
        }
    }

    /// Every operation: its method in capitals, its path and what is described.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (String, &str, &Value)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(|(method, operation)| (method.to_uppercase(), path.as_str(), operation))
        })
    }

    /// The parameters of an operation, wherever they are described.
    pub(crate) fn parameters<'a>(&'a self, operation: &'a Value) -> Vec<&'a Value> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| self.resolve(parameter)).collect()
    }

    /// What a reference refers to, or the value itself.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                let found = self.document.pointer(pointer);
                found.unwrap_or_else(|| panic!("{reference} refers to nothing"))
            }
            None => value,
        }
    }

    /// What is wrong with a value, by a schema of the document.
    pub(crate) fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = self.validator(schema);
        let errors = validator.iter_errors(value);
        errors
            .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let key = schema.to_string();
        let made = validators.entry(key).or_insert_with(|| {
            let mut schema = schema.clone();
            close(&mut schema, false);
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            schema["components"] = self.strict.clone();
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap())
        });
        Arc::clone(made)
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let paths = self.document["paths"].as_object()?.iter();
        let fitting = paths.filter(|(described, _)| fits(described, path));
        // `/products/batch` is more than an identifier.
        let (_, item) = fitting.min_by_key(|(described, _)| described.matches('{').count())?;
        item.get(method.as_str().to_lowercase())
    }

    fn check_headers(&self, described: &Value, answer: &Answer, what: &str) {
        let empty = serde_json::Map::new();
        let headers = described["headers"].as_object().unwrap_or(&empty);
        for (name, header) in headers {
            let header = self.resolve(header);
            let Some(value) = answer.headers.get(name) else {
                assert!(header["required"] != json!(true), "{name} is missing: {what}");
                continue;
            };
            let faults = self.faults(&header["schema"], &json!(value.to_str().unwrap()));
            assert!(faults.is_empty(), "{name}: {faults:?}: {what}");
        }
        for name in self.document["components"]["headers"].as_object().unwrap().keys() {
            let is_described = headers.contains_key(name);
            let is_there = answer.headers.contains_key(name);
            assert!(
                is_described || !is_there,
                "{name} is not described for this answer: {what}"
            );
        }
    }

    fn check_body(&self, described: &Value, answer: &Answer, what: &str) {
        let Some(content) = described["content"].as_object() else {
            assert_eq!(answer.text, "", "no body is described: {what}");
            return;
        };
        let kind = answer
            .header("content-type")
            .split(';')
            .next()
            .unwrap_or_default();
        let described = content
            .get(kind)
            .unwrap_or_else(|| panic!("{kind:?} is not described: {what}"));
        if kind.ends_with("json") {
            let faults = self.faults(&described["schema"], &answer.body);
            assert!(faults.is_empty(), "{faults:#?}: {what}");
        }
    }
}

fn fits(described: &str, path: &str) -> bool {
    let (described, path) = (described.split('/'), path.split('/'));
    described.clone().count() == path.clone().count()
        && described
            .zip(path)
            .all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
}

/// Allows nothing beyond what is described, except in the parts of something larger.
fn close(schema: &mut Value, is_part: bool) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::Array(parts) if name == "allOf" => {
                        parts.iter_mut().for_each(|part| close(part, true));
                    }
                    Value::Object(named) if name == "properties" => {
                        named.values_mut().for_each(|property| close(property, false));
                    }
                    _ => close(member, false),
                }
            }
            let describes = ["$ref", "properties", "allOf"];
            if !is_part && describes.iter().any(|name| members.contains_key(*name)) {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, false)),
        _ => {}
    }
}
