//! `api migrate`.

use runtime::Settings;
use storage_postgres::migrations;

use super::say;
use crate::application::parts::{database_config, database_unreachable};

/// Applies the missing migrations, or with `check` only names them. False where a check finds any.
pub(super) async fn run(settings: &Settings, check: bool) -> anyhow::Result<bool> {
    let config = database_config(settings);
    let unreachable = |error| database_unreachable(settings, &error);
    if check {
        let missing = migrations::pending(&config).await.map_err(unreachable)?;
        for name in &missing {
            say(&format!("missing: {name}"));
        }
        say(if missing.is_empty() {
            "The schema is up to date."
        } else {
            "Run `api migrate`."
        });
        return Ok(missing.is_empty());
    }
    let applied = migrations::run(&config).await.map_err(unreachable)?;
    for name in &applied {
        say(&format!("applied: {name}"));
    }
    say("The schema is up to date.");
    Ok(true)
}
