//! What the binary can be told to do.

use std::io::{self, Write as _};

use clap::{Parser, Subcommand};
use runtime::{
    ConfigArgs, Settings, StartError, logging,
    settings::{LoadOptions, Program},
};

mod accounts;
mod dead_letters;
mod images;
mod keys;
mod migrate;
mod serve;

use accounts::AccountsCommand;
use dead_letters::DeadLettersCommand;
use images::ImagesCommand;
use keys::KeysCommand;

/// The REST API of the product catalogue.
#[derive(Debug, Parser)]
#[command(name = "api", version, about)]
pub struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the REST API, publish the outbox and apply results; this is the default.
    Serve,
    /// Bring the database to the schema that this version works with.
    Migrate {
        /// Change nothing; say which migrations are missing, and fail where any are.
        #[arg(long)]
        check: bool,
    },
    /// Look through the messages that could not be done, and have them done after all, or drop them.
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Work on many pictures at once.
    Images {
        #[command(subcommand)]
        command: ImagesCommand,
    },
    /// Make and list the accounts that callers act as.
    Accounts {
        #[command(subcommand)]
        command: AccountsCommand,
    },
    /// Make, list and revoke the keys that callers need with `auth.mode: keys`.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
}

impl Cli {
    /// Carries out the command; false where a check has failed.
    ///
    /// # Errors
    /// What kept it from starting, in words for the person who started it.
    pub async fn run(self) -> anyhow::Result<bool> {
        if matches!(self.command, Some(Command::Openapi)) {
            say(&crate::http::document().to_pretty_json()?);
            return Ok(true);
        }
        let settings = Settings::load(&LoadOptions::from_process(Program::Api, &self.config))
            .map_err(StartError::from)?;
        match self.command {
            Some(Command::Migrate { check }) => migrate::run(&settings, check).await,
            Some(Command::Images { command }) => images::run(&settings, command).await,
            Some(Command::Accounts { command }) => accounts::run(&settings, command).await,
            Some(Command::Keys { command }) => keys::run(&settings, command).await,
            Some(Command::DeadLetters { command }) => dead_letters::run(&settings, command).await,
            _ => {
                logging::init(&settings.logging)?;
                serve::run(settings).await.map(|()| true)
            }
        }
    }
}

/// Prints for the person at the terminal; logs are for everything else. If nobody reads on, as behind `head`, that is
/// no failure.
fn say(text: &str) {
    let _nobody_reads_on = writeln!(io::stdout(), "{text}");
}
