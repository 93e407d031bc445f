//! From where settings are loaded, and for whom.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::cli::ConfigArgs;

/// The binary that loads the settings. Some rules hold for one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The api, which listens to callers.
    Api,
    /// The image worker, which does not.
    ImageWorker,
}

/// From where settings are loaded: everything that the process contributes is here, so that tests can pass
/// their own.
#[derive(Clone)]
pub struct LoadOptions {
    /// The binary that loads them.
    pub program: Program,
    /// The file that `--config` named.
    pub config: Option<PathBuf>,
    /// The environment, in which `PMS_CONFIG` and `PMS__…` are looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that relative paths start from.
    pub directory: PathBuf,
}

impl LoadOptions {
    /// The options of this process.
    #[must_use]
    pub fn from_process(program: Program, arguments: &ConfigArgs) -> Self {
        Self {
            program,
            config: arguments.config.clone(),
            environment: std::env::vars_os().collect(),
            directory: PathBuf::from("."),
        }
    }

    /// Options with nothing but the built-in defaults, and `directory` to look for `config.yaml` in.
    #[must_use]
    pub fn bare(program: Program, directory: impl Into<PathBuf>) -> Self {
        Self {
            program,
            config: None,
            environment: Vec::new(),
            directory: directory.into(),
        }
    }

    /// The same options with more environment variables.
    #[must_use]
    pub fn with_environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment.extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }
}

/// Shows the names of environment variables and not their values, which may be secret.
impl fmt::Debug for LoadOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.environment.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("LoadOptions")
            .field("program", &self.program)
            .field("config", &self.config)
            .field("environment", &names)
            .field("directory", &self.directory)
            .finish()
    }
}
