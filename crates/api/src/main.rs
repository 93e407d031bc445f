//! The `api` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use api::commands::Cli;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "an error at the start is for the person who started it"
)]
fn report(error: &anyhow::Error) {
    eprintln!("api: {error:#}");
}
