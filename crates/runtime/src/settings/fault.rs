//! What is wrong with the settings, all of it at once.

use std::fmt;
use std::path::Path;

use super::Source;

/// One thing that is wrong, with its cure. `Display` never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    setting: String,
    text: String,
}

impl Fault {
    /// The value of a known setting is wrong. A value of `None` is not for showing.
    pub(super) fn value(setting: &str, value: Option<&str>, source: &Source, complaint: &Complaint) -> Self {
        let Complaint { problem, cure } = complaint;
        let value = value.unwrap_or("the value");
        Self {
            setting: setting.to_owned(),
            text: format!("{setting}: {value} (from {source}) {problem}; {cure}"),
        }
    }

    /// There is no setting of that name. The value is not shown: it may be a secret under a misspelt name.
    pub(super) fn unknown(setting: &str, source: &Source, cure: &str) -> Self {
        Self {
            setting: setting.to_owned(),
            text: format!("{setting} (from {source}) is not a setting; {cure}"),
        }
    }

    /// A setting has no value, and needs one.
    pub(super) fn unset(setting: &str, complaint: &Complaint) -> Self {
        let Complaint { problem, cure } = complaint;
        Self {
            setting: setting.to_owned(),
            text: format!("{setting} is not set{problem}; {cure}"),
        }
    }

    /// A settings file cannot be used at all.
    pub(super) fn file(path: &Path, complaint: &Complaint) -> Self {
        let path = path.display().to_string();
        let Complaint { problem, cure } = complaint;
        Self {
            text: format!("{path}: {problem}; {cure}"),
            setting: path,
        }
    }

    /// The dotted name of the setting, or the name of the file or the environment variable.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What is wrong with a value, and what to write in its place.
pub(super) struct Complaint {
    pub(super) problem: String,
    pub(super) cure: String,
}

impl Complaint {
    pub(super) fn new(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            cure: cure.into(),
        }
    }
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    faults: Vec<Fault>,
}

impl SettingsError {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// The single faults; there is at least one.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [fault] = self.faults.as_slice() {
            return fault.fmt(formatter);
        }
        write!(formatter, "{} settings are wrong:", self.faults.len())?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(formatter, "\n  {fault}"))
    }
}

impl std::error::Error for SettingsError {}
