//! Which letters a command is about.

use broker::DeadLetter;

use super::Chosen;

/// Which letters a command is about.
#[derive(Debug)]
pub(super) enum Choice {
    All,
    /// Those whose reason contains a text, which is in lower case.
    Reason(String),
    /// Those of these names, and of them those that were not met yet.
    Ids {
        all: Vec<String>,
        missing: Vec<String>,
    },
}

impl From<Chosen> for Choice {
    fn from(chosen: Chosen) -> Self {
        if chosen.id.is_empty() {
            return Self::of_reason(chosen.reason);
        }
        Self::of_ids(chosen.id)
    }
}

impl Choice {
    pub(super) fn of_reason(reason: Option<String>) -> Self {
        reason.map_or(Self::All, |reason| Self::Reason(reason.to_lowercase()))
    }

    pub(super) fn of_ids(all: Vec<String>) -> Self {
        let missing = all.clone();
        Self::Ids { all, missing }
    }

    pub(super) fn includes(&self, letter: &DeadLetter) -> bool {
        let contains = |text: &str, reason: &String| reason.to_lowercase().contains(text);
        match self {
            Self::All => true,
            Self::Reason(text) => {
                contains(text, &letter.reason) || letter.reasons.iter().any(|reason| contains(text, reason))
            }
            Self::Ids { all, .. } => all.contains(&letter.id),
        }
    }

    /// Notes that a letter that is meant is there.
    pub(super) fn found(&mut self, letter: &DeadLetter) {
        if let Self::Ids { missing, .. } = self {
            missing.retain(|id| *id != letter.id);
        }
    }

    pub(super) fn is_by_name(&self) -> bool {
        matches!(self, Self::Ids { .. })
    }

    /// What was named and not met.
    pub(super) fn missing(&self) -> &[String] {
        match self {
            Self::Ids { missing, .. } => missing,
            Self::All | Self::Reason(_) => &[],
        }
    }
}
