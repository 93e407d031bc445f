//! What a renderer gives up before the first picture: once a flaw in a decoder has given it to somebody else, it should
//! be of no use to him.
//!
//! Each measure stands for itself, and the kernel may lack one; what is in force and what is not is reported.

mod descriptors;
mod files;
mod resources;
mod system_calls;

use std::fmt;

use nix::sys::{prctl, signal::Signal};
use serde::{Deserialize, Serialize};

use super::limits::ChildLimits;
pub(super) use resources::allow_cpu_seconds;

/// What a renderer is kept from, and what the kernel could not keep it from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Measures in force.
    pub in_force: Vec<String>,
    /// Measures that are not in force, or only in part, each with the reason.
    pub missing: Vec<String>,
}

impl Confinement {
    fn note<E: fmt::Display>(&mut self, measure: &str, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => self.in_force.push(measure.to_owned()),
            Err(error) => self.missing.push(format!("{measure}: {error}")),
        }
    }
}

/// Gives up what rendering does not need, for good. The filter of system calls comes last: it forbids the rest of this.
pub(super) fn confine(limits: &ChildLimits) -> Confinement {
    let mut confinement = Confinement::default();
    confinement.note("ends with its worker", prctl::set_pdeathsig(Signal::SIGKILL));
    confinement.note("no new privileges", prctl::set_no_new_privs());
    confinement.note("no inherited descriptors", descriptors::close_inherited());
    confinement.note("no files (landlock)", files::deny_files());
    confinement.note("no TCP (landlock)", files::deny_tcp());
    confinement.note(
        "no signals or abstract sockets (landlock)",
        files::deny_reaching_out(),
    );
    for (measure, outcome) in resources::limit(limits) {
        confinement.note(measure, outcome);
    }
    confinement.note(
        "system calls of rendering alone (seccomp)",
        system_calls::deny_others(),
    );
    confinement
}
