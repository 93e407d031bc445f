//! `api accounts`: whose products there are.

use anyhow::bail;
use clap::Subcommand;
use runtime::Settings;
use storage_postgres::{account_create, account_find, accounts_list};

use super::say;
use crate::application::open::open_database;

/// The longest name of an account or a key, in characters.
const NAME_MAX: usize = 100;

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum AccountsCommand {
    /// Make an account, for tokens to name. For keys, `api keys create --new-account` makes one along the way.
    Create {
        /// What tokens call it.
        name: String,
    },
    /// List the accounts, a line each.
    List,
}

/// Carries out a command. False where something that was asked for was not done; it says then what.
pub(super) async fn run(settings: &Settings, command: AccountsCommand) -> anyhow::Result<bool> {
    let database = open_database(settings).await?;
    match command {
        AccountsCommand::Create { name } => {
            check_name("the name", &name)?;
            if name.is_empty() {
                bail!("the name is empty");
            }
            if account_find(&database, &name).await?.is_some() {
                say(&format!("There is an account {name:?} already."));
                return Ok(false);
            }
            account_create(&database, &name).await?;
            say(&format!("{name:?} is made."));
        }
        AccountsCommand::List => {
            let names = accounts_list(&database).await?;
            names.iter().for_each(|name| say(name));
            say(&format!("{} accounts", names.len()));
        }
    }
    Ok(true)
}

/// Refuses a name that is too long for the database, or not fit for a terminal.
pub(super) fn check_name(what: &str, name: &str) -> anyhow::Result<()> {
    if name.chars().count() > NAME_MAX {
        bail!("{what} is longer than {NAME_MAX} characters");
    }
    if name.chars().any(char::is_control) {
        bail!("{what} holds a control character");
    }
    Ok(())
}
