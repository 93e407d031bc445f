//! What becomes of a message.

use std::time::Duration;

use crate::retry::GiveUp;

/// What is noted of a message that came back without being settled.
const NEVER_SETTLED: &str = "work on it was begun and never settled, as when the process ends";

/// What becomes of a message.
pub(crate) enum Verdict {
    Done,
    Retry { delay: Duration, reason: String },
    Reject { reason: String },
    GiveUp(GiveUp),
    Suspect,
    PutBack,
}

impl Verdict {
    /// What is noted as the end of this attempt.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Retry { reason, .. }
            | Self::Reject { reason }
            | Self::GiveUp(GiveUp::Exhausted { reason }) => Some(reason),
            Self::Suspect | Self::GiveUp(GiveUp::Redelivered { .. }) => Some(NEVER_SETTLED),
            Self::Done | Self::PutBack => None,
        }
    }
}
