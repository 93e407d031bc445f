//! `api images`: work on many pictures at once.

use clap::{Args, Subcommand};
use runtime::Settings;

use self::{moment::Moment, reprocess::reprocess};

mod display;
mod moment;
mod patience;
mod reprocess;
mod wanted;

/// What can be done with many pictures.
#[derive(Debug, Subcommand)]
pub(super) enum ImagesCommand {
    /// Have pictures that are ready made again, after the settings of `images` have changed.
    ///
    /// Meant are those that lack the variant NAME in one of its formats; with --all every one, as after a change of
    /// sizes or quality, which cannot be seen. Each is made with all its variants, after all other work, and shows what
    /// it has until they are stored. Interrupted, run it again: what is done or under way is left alone.
    Reprocess(Reprocess),
}

/// Which pictures are made again.
#[derive(Args, Debug)]
pub(super) struct Reprocess {
    /// A variant of the settings; see above what it chooses.
    #[arg(long, value_name = "NAME")]
    variant: String,
    /// Only pictures added since: a time such as 2026-11-23T08:00:00Z, or a span before now such as 30d.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only pictures of products of the account of this name.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Also pictures that lack nothing.
    #[arg(long)]
    all: bool,
    /// Of those only what was made before; the beginning of this run unless it is given.
    #[arg(long, value_name = "TIME", requires = "all")]
    made_before: Option<Moment>,
    /// Change nothing; say how many pictures it would be.
    #[arg(long)]
    dry_run: bool,
}

/// Carries out a command. False where something that was asked for was not done; it says then what.
pub(super) async fn run(settings: &Settings, command: ImagesCommand) -> anyhow::Result<bool> {
    match command {
        ImagesCommand::Reprocess(chosen) => reprocess(settings, chosen).await,
    }
}
