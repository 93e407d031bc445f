//! `api dead-letters`: looking through what could not be done, and deciding about it.

use broker::{BrokerError, DeadLetter, DeadLetters};
use clap::{Args, Subcommand};
use runtime::Settings;

use self::{
    choice::Choice,
    print::{line_of, one_line, page_of},
    replay::{Fate, Replayer},
    tally::Tally,
};
use super::say;
use crate::application::parts::{broker_config, rabbitmq_unreachable};

mod choice;
mod print;
mod replay;
mod tally;

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub(super) enum DeadLettersCommand {
    /// List them, a line each: id, type, image, attempts, time and reason.
    List {
        /// Only those whose reason contains this text, in any case.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// At most so many lines.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show everything about one: its headers, the reasons of its attempts and its body.
    Show {
        /// As `list` names it.
        id: String,
    },
    /// Have the work done after all: pictures are asked for anew, other messages go back to their queue.
    Replay(Chosen),
    /// Remove them for good.
    Drop(Chosen),
}

/// Which letters are meant.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Chosen {
    /// The letter that `list` names so; can be given more than once.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Those whose reason contains this text, in any case.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// Carries out a command. False where something that was asked for was not done; it says then what.
pub(super) async fn run(settings: &Settings, command: DeadLettersCommand) -> anyhow::Result<bool> {
    let letters = DeadLetters::open(&broker_config(settings))
        .await
        .map_err(|error| rabbitmq_unreachable(settings, &error))?;
    match command {
        DeadLettersCommand::List { reason, limit } => list(letters, &Choice::of_reason(reason), limit).await,
        DeadLettersCommand::Show { id } => show(letters, id).await,
        DeadLettersCommand::Replay(chosen) => {
            let replayer = Replayer::open(settings).await?;
            decide(letters, chosen.into(), async |letters, letter, is_named| {
                replayer.replay(letters, letter, is_named).await
            })
            .await
        }
        DeadLettersCommand::Drop(chosen) => {
            decide(letters, chosen.into(), async |letters, letter, _| {
                letters.remove(letter).await?;
                Ok(Fate::Dropped)
            })
            .await
        }
    }
}

async fn list(mut letters: DeadLetters, choice: &Choice, limit: Option<usize>) -> anyhow::Result<bool> {
    let there = letters.count();
    let mut listed = 0;
    while limit.is_none_or(|limit| listed < limit) {
        let Some(letter) = letters.next().await? else {
            break;
        };
        if choice.includes(&letter) {
            say(&line_of(&letter));
            listed += 1;
        }
    }
    letters.close().await?;
    say(&format!("{listed} of {there} dead letters"));
    Ok(true)
}

async fn show(mut letters: DeadLetters, id: String) -> anyhow::Result<bool> {
    let choice = Choice::of_ids(vec![id.clone()]);
    let mut is_found = false;
    while let Some(letter) = letters.next().await? {
        if choice.includes(&letter) {
            is_found = true;
            say(&page_of(&letter));
            break;
        }
    }
    letters.close().await?;
    if !is_found {
        say(&format!("No dead letter is called {}.", one_line(&id)));
    }
    Ok(is_found)
}

/// Goes through the letters, and says in the end what became of those that are meant.
async fn decide(
    mut letters: DeadLetters,
    mut choice: Choice,
    act: impl AsyncFn(&mut DeadLetters, &DeadLetter, bool) -> anyhow::Result<Fate>,
) -> anyhow::Result<bool> {
    let mut tally = Tally::default();
    let gone_through = go_through(&mut letters, &mut choice, &mut tally, act).await;
    // What was removed is removed for certain only now, so this comes before the counts.
    let closed: Result<(), BrokerError> = letters.close().await;
    say(&tally.to_string());
    gone_through?;
    closed?;
    for id in choice.missing() {
        say(&format!("No dead letter is called {}.", one_line(id)));
    }
    Ok(tally.is_all_done() && choice.missing().is_empty())
}

async fn go_through(
    letters: &mut DeadLetters,
    choice: &mut Choice,
    tally: &mut Tally,
    act: impl AsyncFn(&mut DeadLetters, &DeadLetter, bool) -> anyhow::Result<Fate>,
) -> anyhow::Result<()> {
    // A letter can be there twice, so finding what was named is no reason to stop.
    while let Some(letter) = letters.next().await? {
        if !choice.includes(&letter) {
            continue;
        }
        choice.found(&letter);
        let fate = act(letters, &letter, choice.is_by_name()).await?;
        if let Fate::Kept { why } = &fate {
            say(&format!("kept {}: {}", one_line(&letter.id), one_line(why)));
        }
        tally.count(&fate);
    }
    Ok(())
}
