//! The api's own commands, run as an operator does.

use std::process::Output;

use tokio::process::Command;

use crate::app::TestApp;

/// What a command said, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) is_success: bool,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }
}

/// The command `words` of the api, against the database and the broker of `app`.
pub(crate) fn command(app: &TestApp, words: &[&str], arguments: &[&str]) -> Command {
    let settings = [app.database.settings(), app.broker.settings()].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command
        .args(words)
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .envs(settings)
        .env("PMS__AWS__PUBLIC_BASE_URL", "https://pictures.example.com");
    command
}

/// Runs it to its end.
pub(crate) async fn said(mut command: Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    Said {
        is_success: status.success(),
        text: String::from_utf8([stdout, stderr].concat()).unwrap(),
    }
}
