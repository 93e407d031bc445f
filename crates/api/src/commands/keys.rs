//! `api keys`: who may call, and as which account.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};
use domain::{ApiKeyId, Scope};
use runtime::{Settings, settings::AuthMode};
use storage_postgres::{
    ApiKey, Database, NewApiKey, account_create, account_find, api_key_insert, api_key_revoke,
    api_key_rotate, api_keys_list,
};

use super::{accounts::check_name, say};
use crate::{
    access::token::{self, Token, prefixed},
    application::open::open_database,
};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key, and show it: this once, since only a hash of its secret is stored.
    Create(Create),
    /// List keys, a line each, without their secrets: id, account, scope, state, when it was made, what it is for.
    List {
        /// Only those of this account.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Make a key in the place of another, which goes on working for a while. Where that one was made for a span, the
    /// new one is as well.
    Rotate {
        /// The other key, as `list` names it.
        #[arg(value_parser = token::parse_id)]
        id: ApiKeyId,
        /// How long the other one goes on working.
        #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = humantime::parse_duration)]
        overlap: Duration,
    },
    /// Refuse a key from now on, for good.
    Revoke {
        /// As `list` names it.
        #[arg(value_parser = token::parse_id)]
        id: ApiKeyId,
    },
}

/// A key to be.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The account that it calls as: it sees the products of no other.
    #[arg(long, value_name = "NAME")]
    account: String,
    /// Make the account where there is none of this name.
    #[arg(long)]
    new_account: bool,
    /// read: see; write: also create, change and delete; admin: also decide who is told.
    #[arg(long)]
    scope: Scope,
    /// What the key is for, such as the program that uses it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// How long it works, such as 90d; for good unless it is given.
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
}

/// Carries out a command. False where something that was asked for was not done; it says then what.
pub(super) async fn run(settings: &Settings, command: KeysCommand) -> anyhow::Result<bool> {
    let database = open_database(settings).await?;
    match command {
        KeysCommand::Create(create) => {
            let is_done = self::create(&database, create).await?;
            if is_done && settings.auth.mode != AuthMode::Keys {
                say("No key is asked for yet: that takes `auth.mode: keys`.");
            }
            Ok(is_done)
        }
        KeysCommand::List { account } => list(&database, account).await,
        KeysCommand::Rotate { id, overlap } => rotate(&database, id, overlap).await,
        KeysCommand::Revoke { id } => {
            let is_there = api_key_revoke(&database, id).await?;
            say(&if is_there {
                format!("{} is refused from now on.", prefixed(id))
            } else {
                format!("There is no key {}.", prefixed(id))
            });
            Ok(is_there)
        }
    }
}

async fn create(database: &Database, create: Create) -> anyhow::Result<bool> {
    for (what, name) in [("--account", &create.account), ("--name", &create.name)] {
        check_name(what, name)?;
    }
    let account = match account_find(database, &create.account).await? {
        Some(account) => account,
        None if create.new_account && !create.account.is_empty() => {
            account_create(database, &create.account).await?
        }
        None => {
            say(&format!(
                "There is no account {:?}; --new-account makes it.",
                create.account
            ));
            return Ok(false);
        }
    };
    let token = Token::generate()?;
    let key = NewApiKey {
        id: token.id,
        account_id: account,
        name: create.name,
        secret_hash: token.secret_hash(),
        scope: create.scope,
        expires_at: create.expires_in.map(after).transpose()?,
    };
    api_key_insert(database, &key).await?;
    say(&token.reveal());
    Ok(true)
}

async fn rotate(database: &Database, id: ApiKeyId, overlap: Duration) -> anyhow::Result<bool> {
    let token = Token::generate()?;
    let successor = |old: &ApiKey| NewApiKey {
        id: token.id,
        account_id: old.account_id,
        name: old.name.clone(),
        secret_hash: token.secret_hash(),
        scope: old.scope,
        // For as long again as the other was made for.
        expires_at: old.expires_at.map(|end| Utc::now() + (end - old.created_at)),
    };
    let rotated = api_key_rotate(database, id, after(overlap)?, successor).await?;
    match rotated {
        Some(_) => say(&token.reveal()),
        None => say(&format!("There is no key {} that is good.", prefixed(id))),
    }
    Ok(rotated.is_some())
}

async fn list(database: &Database, account: Option<String>) -> anyhow::Result<bool> {
    let account = match account {
        Some(name) => match account_find(database, &name).await? {
            Some(account) => Some(account),
            None => {
                say(&format!("There is no account {name:?}."));
                return Ok(false);
            }
        },
        None => None,
    };
    let keys = api_keys_list(database, account).await?;
    let now = Utc::now();
    for (account, key) in &keys {
        let (id, scope, state) = (prefixed(key.id), key.scope, state(key, now));
        let created = second(key.created_at);
        say(&format!(
            "{id}  {account}  {scope}  {state}  {created}  {}",
            key.name
        ));
    }
    say(&format!("{} keys", keys.len()));
    Ok(true)
}

fn state(key: &ApiKey, now: DateTime<Utc>) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(since), _) => format!("revoked {}", second(since)),
        (None, Some(end)) if end <= now => format!("expired {}", second(end)),
        (None, Some(end)) => format!("good until {}", second(end)),
        (None, None) => "good".to_owned(),
    }
}

fn second(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn after(span: Duration) -> anyhow::Result<DateTime<Utc>> {
    TimeDelta::from_std(span)
        .ok()
        .and_then(|span| Utc::now().checked_add_signed(span))
        .context("the span is too long")
}
