//! The kernel's limits on what a process takes.

use nix::{
    errno::Errno,
    sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
};

use crate::render::limits::ChildLimits;

/// Standard input, output and error, which are open by now.
const DESCRIPTORS: u64 = 3;

/// Limits everything at once; each outcome with its name.
pub(super) fn limit(limits: &ChildLimits) -> [(&'static str, Result<(), Errno>); 5] {
    [
        ("bounded memory", set(Resource::RLIMIT_AS, limits.address_space)),
        ("no core dumps", set(Resource::RLIMIT_CORE, 0)),
        ("no new descriptors", set(Resource::RLIMIT_NOFILE, DESCRIPTORS)),
        ("no growing files", set(Resource::RLIMIT_FSIZE, 0)),
        ("bounded processor time", allow_cpu_seconds(limits.cpu_seconds)),
    ]
}

/// Ends this process by a signal once it has used so many seconds more of a processor.
pub(crate) fn allow_cpu_seconds(seconds: u64) -> Result<(), Errno> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let used = used.user_time().tv_sec() + used.system_time().tv_sec();
    let used = u64::try_from(used).unwrap_or_default();
    let (_, hard) = getrlimit(Resource::RLIMIT_CPU)?;
    // Whole seconds: the one that has begun is not counted.
    setrlimit(Resource::RLIMIT_CPU, (used + seconds + 1).min(hard), hard)
}

/// Where there is a lower limit already, that one stays.
fn set(resource: Resource, value: u64) -> Result<(), Errno> {
    let (_, hard) = getrlimit(resource)?;
    let value = value.min(hard);
    setrlimit(resource, value, value)
}
