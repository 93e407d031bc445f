//! Where a value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where the value of a setting came from. `Display` fits after "from".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `config/default.yaml`, as built into the binary.
    Default,
    /// A settings file.
    File(PathBuf),
    /// The environment variable of that name.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("the built-in default"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Environment(name) => formatter.write_str(name),
        }
    }
}

/// The source of each setting that is not at its default.
#[derive(Clone, Default)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    pub(super) fn new(sources: BTreeMap<String, Source>) -> Self {
        Self(sources)
    }

    /// Where the value of one setting came from.
    #[must_use]
    pub fn of(&self, setting: &str) -> Source {
        self.0.get(setting).cloned().unwrap_or(Source::Default)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .iter()
            .map(|(setting, source)| (setting, source.to_string()));
        formatter.debug_map().entries(shown).finish()
    }
}
