//! The `image-worker` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use image_worker::render;
use runtime::{
    ConfigArgs, Settings, Shutdown, StartError, logging,
    settings::{LoadOptions, Program},
};
use tracing::{debug, info};

/// Fetches, renders and stores the pictures of products.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Renders what a worker sends; started by the worker.
    #[command(name = render::CHILD_COMMAND, hide = true)]
    RenderChild,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::RenderChild) => render::serve().map_err(anyhow::Error::from),
        None => start(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<()> {
    // A process has one provider; that there is none yet is certain here.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let options = LoadOptions::from_process(Program::ImageWorker, &arguments.config);
    let settings = Settings::load(&options).map_err(StartError::from)?;
    logging::init(&settings.logging)?;
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    debug!(?settings, "settings");
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = tokio.block_on(async {
        let shutdown = Shutdown::listen(settings.shutdown.grace)?;
        image_worker::worker::run(&settings, &shutdown).await
    });
    // A picture that is still being rendered after the grace period must not hold up the end.
    tokio.shutdown_background();
    outcome
}

#[expect(
    clippy::print_stderr,
    reason = "an error at the start is for the person who started it"
)]
fn report(error: &anyhow::Error) {
    eprintln!("image-worker: {error:#}");
}
