//! Settings from files and environments that each test brings along; the process's own are never looked at.

mod faults;
mod layers;
mod rules;
mod secrets;
mod unreachable;

use std::fs;

use runtime::Settings;
use runtime::settings::{LoadOptions, Program, SettingsError};
use tempfile::TempDir;

/// A folder with a `config.yaml` in it, and an environment.
pub(crate) struct Place {
    directory: TempDir,
    options: LoadOptions,
}

impl Place {
    pub(crate) fn empty() -> Self {
        let directory = TempDir::new().expect("a folder for the test");
        let options = LoadOptions::bare(Program::Api, directory.path());
        Self { directory, options }
    }

    pub(crate) fn with_file(yaml: &str) -> Self {
        Self::empty().and_file("config.yaml", yaml)
    }

    pub(crate) fn and_file(self, name: &str, yaml: &str) -> Self {
        fs::write(self.directory.path().join(name), yaml).expect("a file for the test");
        self
    }

    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.options = self.options.with_environment([(name, value)]);
        self
    }

    pub(crate) fn with_config(mut self, path: &str) -> Self {
        self.options.config = Some(path.into());
        self
    }

    pub(crate) fn for_program(mut self, program: Program) -> Self {
        self.options.program = program;
        self
    }

    pub(crate) fn load(&self) -> Result<Settings, SettingsError> {
        Settings::load(&self.options)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.load().expect("settings that are right")
    }

    /// The message for settings that are wrong.
    pub(crate) fn error(&self) -> String {
        self.load().expect_err("settings that are wrong").to_string()
    }
}
