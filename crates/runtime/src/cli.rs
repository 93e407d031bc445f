//! Command line arguments that every binary takes.

use std::path::PathBuf;

use clap::Args;

/// Where the settings come from; put it into a command line with `#[command(flatten)]`.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// YAML file with settings [default: the file that PMS_CONFIG names, else ./config.yaml if it is there]
    ///
    /// Environment variables go over it: PMS__DATABASE__HOST sets database.host.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}
