//! `api serve`.

use runtime::{Settings, Shutdown};

use crate::application::Application;

/// Serves until the process is told to stop.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    tracing::debug!(?settings, "settings");
    let shutdown = Shutdown::listen(settings.shutdown.grace)?;
    let application = Application::build(&settings, shutdown.clone()).await?;
    application.run_until_stopped().await
}
