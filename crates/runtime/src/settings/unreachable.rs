//! The message for a service that does not answer when a binary starts.

use std::fmt;

use super::{Settings, Source};

/// A service that does not answer, with the settings that say where it should be.
#[derive(Debug)]
pub struct Unreachable {
    part: &'static str,
    address: String,
    settings: Vec<(&'static str, Source)>,
    cause: String,
    cure: &'static str,
}

impl Settings {
    /// The error to end with when `part` does not answer at `address`.
    ///
    /// `settings` are those that make up the address, the likeliest culprit first; `cure` is what to do other
    /// than change them, such as `start it with deploy/local/services start`. Keep secrets out of `cause`.
    #[must_use]
    pub fn unreachable(
        &self,
        part: &'static str,
        settings: &[&'static str],
        address: impl fmt::Display,
        cause: impl fmt::Display,
        cure: &'static str,
    ) -> Unreachable {
        let settings = settings
            .iter()
            .map(|&setting| (setting, self.source_of(setting)))
            .collect();
        Unreachable {
            part,
            address: address.to_string(),
            settings,
            cause: cause.to_string(),
            cure,
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            part,
            address,
            cause,
            cure,
            ..
        } = self;
        write!(
            formatter,
            "cannot reach {part} at {address} ({}): {cause}; {cure}",
            self.origin()
        )?;
        if let Some((setting, _)) = self.settings.first() {
            write!(formatter, ", or set {}", super::environment::variable_of(setting))?;
        }
        Ok(())
    }
}

impl Unreachable {
    /// The settings and their sources; those that share a source are named together.
    fn origin(&self) -> String {
        let groups: Vec<String> = self
            .settings
            .chunk_by(|(_, one), (_, other)| one == other)
            .filter_map(|group| {
                let (_, source) = group.first()?;
                let names: Vec<&str> = group.iter().map(|(setting, _)| *setting).collect();
                Some(format!("{}: from {source}", names.join(", ")))
            })
            .collect();
        groups.join("; ")
    }
}

impl std::error::Error for Unreachable {}
