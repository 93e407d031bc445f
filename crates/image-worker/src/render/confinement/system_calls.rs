//! Seccomp: the calls that rendering makes, and no other.
//!
//! A list of what is allowed, since the kernel gains calls with every version. What is denied fails with `EPERM` instead
//! of ending the process, because libraries try calls that they can do without.

use std::{collections::BTreeMap, env::consts::ARCH, process};

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

/// Memory, the three standard descriptors, time, the allocator's and the standard library's inner needs, and the end.
const ALLOWED: [i64; 26] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Denies this thread all system calls but those of rendering, for good.
pub(super) fn deny_others() -> Result<(), Error> {
    apply_filter(&filter()?)
}

fn filter() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
    // No memory that code can run in.
    let not_executable = || all([(2, SeccompCmpOp::MaskedEq(flag(libc::PROT_EXEC)), 0)]);
    rules.insert(libc::SYS_mmap, vec![not_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![not_executable()?]);
    // Aborting is a signal to oneself.
    let own = u64::from(process::id());
    rules.insert(libc::SYS_tgkill, vec![all([(0, SeccompCmpOp::Eq, own)])?]);
    // Its own limits may be read, and the one on processor time moved along with the pictures.
    let reading = all([(0, SeccompCmpOp::Eq, 0), (2, SeccompCmpOp::Eq, 0)])?;
    let moving = all([
        (0, SeccompCmpOp::Eq, 0),
        (1, SeccompCmpOp::Eq, u64::from(libc::RLIMIT_CPU)),
    ])?;
    rules.insert(libc::SYS_prlimit64, vec![reading, moving]);
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, denied, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
}

/// A rule on arguments by their numbers.
fn all<const N: usize>(conditions: [(u8, SeccompCmpOp, u64); N]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions.into_iter().map(|(argument, comparison, value)| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, comparison, value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

fn flag(flag: i32) -> u64 {
    u64::from(flag.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io,
        net::{TcpListener, UdpSocket},
        os::unix::net::UnixStream,
        process::Command,
        thread,
    };

    use nix::{
        sys::signal::kill,
        unistd::{Pid, getppid},
    };

    use super::*;

    /// What `attempt` meets on a thread that has denied itself the calls.
    fn denied(attempt: impl FnOnce() -> io::Result<()> + Send) -> Option<i32> {
        thread::scope(|scope| {
            let confined = scope.spawn(|| {
                deny_others().unwrap();
                attempt().err().and_then(|error| error.raw_os_error())
            });
            confined.join().unwrap()
        })
    }

    #[test]
    fn files_sockets_processes_threads_and_signals_are_denied() {
        let parent = getppid();
        let myself = Pid::this();
        let outcomes = [
            ("open", denied(|| File::open("/dev/null").map(drop))),
            ("listen", denied(|| TcpListener::bind("127.0.0.1:0").map(drop))),
            ("datagram", denied(|| UdpSocket::bind("127.0.0.1:0").map(drop))),
            ("socket pair", denied(|| UnixStream::pair().map(drop))),
            ("run", denied(|| Command::new("/bin/true").status().map(drop))),
            ("thread", denied(|| thread::Builder::new().spawn(|| {}).map(drop))),
            ("signal", denied(move || Ok(kill(parent, None)?))),
            ("signal to itself", denied(move || Ok(kill(myself, None)?))),
        ];
        for (name, outcome) in outcomes {
            assert_eq!(outcome, Some(libc::EPERM), "{name}");
        }
        File::open("/dev/null").unwrap();
    }

    #[test]
    fn memory_and_panics_go_on() {
        let outcome = denied(|| {
            let large = vec![1_u8; 64 << 20];
            let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new("damaged")));
            assert!(caught.is_err());
            assert_eq!(large.last(), Some(&1));
            Ok(())
        });
        assert_eq!(outcome, None);
    }
}
