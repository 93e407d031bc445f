//! Where the peer is: Node.js, and the scripts of `benches/images` beside what they need.

use std::{env, path::PathBuf};

use super::Fault;

/// See the module.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The program `node`.
    pub node: PathBuf,
    folder: PathBuf,
}

impl Peer {
    /// As `BENCH_NODE` and `BENCH_PEER` say.
    ///
    /// # Errors
    /// They do not say it.
    pub fn of_environment() -> Result<Self, Fault> {
        Ok(Self {
            node: path_of("BENCH_NODE")?,
            folder: path_of("BENCH_PEER")?,
        })
    }

    /// The path of one of its scripts.
    pub fn script(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// The path that an environment variable holds.
///
/// # Errors
/// It is not set; the error tells who sets it.
pub fn path_of(variable: &str) -> Result<PathBuf, Fault> {
    let path =
        env::var_os(variable).ok_or_else(|| format!("{variable} is not set; `make bench-images` does"))?;
    Ok(path.into())
}
