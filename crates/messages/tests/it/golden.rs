use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// A golden file.
pub(crate) struct Golden {
    pub(crate) file: String,
    pub(crate) value: Value,
}

/// The golden files of a type, at least one.
pub(crate) fn files_of(type_name: &str) -> Vec<Golden> {
    let prefix = format!("{type_name}.");
    let files: Vec<_> = all()
        .into_iter()
        .filter(|golden| golden.file.starts_with(&prefix))
        .collect();
    assert!(!files.is_empty(), "{type_name} has no golden file");
    files
}

/// Every golden file.
pub(crate) fn all() -> Vec<Golden> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |path: PathBuf| Golden {
        file: path.file_name().unwrap().to_str().unwrap().to_owned(),
        value: serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
    };
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| read(entry.unwrap().path()))
        .collect()
}

/// The same value with a field more in every object, as a later release may send it.
pub(crate) fn with_news(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), with_news(value)))
            .chain([("added_later".to_owned(), json!({"is": ["not", "known"]}))])
            .collect(),
        Value::Array(items) => items.iter().map(with_news).collect(),
        other => other.clone(),
    }
}
