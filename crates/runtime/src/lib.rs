//! What both binaries do alike: settings, command line, logs, metrics, health and shutdown.
//!
//! A binary starts with the same few lines:
//!
//! ```no_run
//! use runtime::settings::{LoadOptions, Program, Settings};
//! use runtime::{ConfigArgs, Shutdown, StartError, logging};
//!
//! # async fn start(arguments: &ConfigArgs) -> Result<(), StartError> {
//! let settings = Settings::load(&LoadOptions::from_process(Program::Api, arguments))?;
//! logging::init(&settings.logging)?;
//! tracing::debug!(?settings, "settings");
//! let shutdown = Shutdown::listen(settings.shutdown.grace)?;
//! # shutdown.begun().await;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod causes;
pub mod cli;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod settings;
pub mod shutdown;
pub mod start_error;

pub use causes::Causes;
pub use cli::ConfigArgs;
pub use settings::Settings;
pub use shutdown::Shutdown;
pub use start_error::StartError;
