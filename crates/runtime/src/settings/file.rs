//! The settings file: which it is, and what is in it.

use std::fs;
use std::path::PathBuf;

use figment::value::{Dict, Value};

use super::LoadOptions;
use super::fault::{Complaint, Fault};
use super::yaml;

const VARIABLE: &str = "PMS_CONFIG";

/// A settings file that was read.
pub(super) struct File {
    /// Its path as the user would write it.
    pub(super) path: PathBuf,
    pub(super) values: Dict,
}

/// Reads the file that the options name, else `./config.yaml` if it is there.
pub(super) fn read(options: &LoadOptions) -> Result<Option<File>, Fault> {
    let (path, named_by) = match named(options) {
        Some((path, named_by)) => (path, Some(named_by)),
        None => (PathBuf::from("./config.yaml"), None),
    };
    let text = match fs::read_to_string(options.directory.join(&path)) {
        Ok(text) => text,
        Err(error) if named_by.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let named_by = named_by
                .map(|name| format!(" (named by {name})"))
                .unwrap_or_default();
            let problem = format!("this settings file{named_by} cannot be read: {error}");
            return Err(Fault::file(
                &path,
                &Complaint::new(problem, "give a YAML file that this process may read"),
            ));
        }
    };
    match yaml::parse(&text) {
        Ok(Value::Dict(_, values)) => Ok(Some(File { path, values })),
        Ok(Value::Empty(..)) => Ok(Some(File {
            path,
            values: Dict::new(),
        })),
        Ok(_) => {
            let complaint = Complaint::new(
                "this settings file holds no sections",
                "write it like config/default.yaml, such as server: {port: 8080}",
            );
            Err(Fault::file(&path, &complaint))
        }
        Err(error) => Err(Fault::file(
            &path,
            &Complaint::new(error.to_string(), "correct this line, or the one above it"),
        )),
    }
}

fn named(options: &LoadOptions) -> Option<(PathBuf, &'static str)> {
    if let Some(path) = &options.config {
        return Some((path.clone(), "--config"));
    }
    let (_, path) = options
        .environment
        .iter()
        .find(|(name, path)| name == VARIABLE && !path.is_empty())?;
    Some((PathBuf::from(path), VARIABLE))
}
