//! What the few calls say that do not simply give a miss.

/// Why Redis could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot work as they are.
    #[error("the settings of Redis cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// Redis is away, refuses, or does not answer in time.
    #[error("Redis is unavailable: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
}

impl Error {
    pub(crate) fn unavailable(reason: &impl ToString) -> Self {
        Self::Unavailable {
            reason: reason.to_string(),
        }
    }
}
