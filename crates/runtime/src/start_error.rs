//! Why a binary could not start, in words for the person who started it.

use std::io;

use crate::settings::{SettingsError, Unreachable};

/// A reason not to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings are wrong; the error lists every one of them.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A service that is needed does not answer.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// `RUST_LOG` holds something else than filters.
    #[error(
        "RUST_LOG: {value:?} is not a list of filters: {cause}; give one such as info,api=debug, or unset it"
    )]
    LogFilter {
        /// What it holds.
        value: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Logs were set up twice in one process.
    #[error("logs have already been set up in this process: {0}")]
    LoggingTwice(String),
    /// The operating system would not let the process listen to signals.
    #[error("cannot listen to SIGTERM and SIGINT: {0}")]
    Signals(#[from] io::Error),
}
