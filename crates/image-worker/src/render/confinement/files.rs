//! Landlock: no file can be opened, made or run by its path, and nothing outside can be reached.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};

/// Why a ruleset is not in force as a whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unenforced {
    /// An older kernel, or one without landlock.
    #[error("the kernel has no landlock for it")]
    Lacking,
    /// A part of it is in force.
    #[error("in part only; the kernel is older")]
    InPart,
    /// The kernel refuses.
    #[error("{0}")]
    Refused(#[from] RulesetError),
}

/// Denies every access to files and folders (Linux 5.13; truncating from 6.2).
pub(super) fn deny_files() -> Result<(), Unenforced> {
    enforce(|rules| rules.handle_access(AccessFs::from_all(ABI::V3)))
}

/// Denies TCP connections and listeners (Linux 6.7).
pub(super) fn deny_tcp() -> Result<(), Unenforced> {
    enforce(|rules| rules.handle_access(AccessNet::from_all(ABI::V4)))
}

/// Denies abstract sockets and signals of and to processes outside (Linux 6.12).
pub(super) fn deny_reaching_out() -> Result<(), Unenforced> {
    enforce(|rules| rules.scope(Scope::from_all(ABI::V6)))
}

/// A ruleset without a single rule allows nothing of what it handles.
fn enforce(handle: impl FnOnce(Ruleset) -> Result<Ruleset, RulesetError>) -> Result<(), Unenforced> {
    let status = handle(Ruleset::default())?.create()?.restrict_self()?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err(Unenforced::InPart),
        RulesetStatus::NotEnforced => Err(Unenforced::Lacking),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io,
        net::{TcpListener, TcpStream},
        thread,
    };

    use nix::{sys::signal::kill, unistd::getppid};

    use super::*;

    /// What `attempt` meets on a thread that has denied itself something; the same where the kernel cannot deny it.
    fn after(
        deny: fn() -> Result<(), Unenforced>,
        attempt: impl FnOnce() -> io::Result<()> + Send,
    ) -> Option<io::ErrorKind> {
        thread::scope(|scope| {
            let confined = scope.spawn(move || match deny() {
                Ok(()) => attempt().err().map(|error| error.kind()),
                Err(Unenforced::Lacking | Unenforced::InPart) => Some(io::ErrorKind::PermissionDenied),
                Err(error) => panic!("{error}"),
            });
            confined.join().unwrap()
        })
    }

    #[test]
    fn files_can_neither_be_read_nor_made_nor_listed() {
        let own = std::env::current_exe().unwrap();
        let new = std::env::temp_dir().join("made-in-spite-of-landlock");
        for denied in [
            after(deny_files, || File::open(&own).map(drop)),
            after(deny_files, || File::create(&new).map(drop)),
            after(deny_files, || fs::read_dir("/").map(drop)),
        ] {
            assert_eq!(denied, Some(io::ErrorKind::PermissionDenied));
        }
        assert!(!new.exists());
        // The rest of this process goes on as before.
        File::open(&own).unwrap();
    }

    #[test]
    fn a_listener_that_is_there_cannot_be_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let denied = after(deny_tcp, || TcpStream::connect(address).map(drop));
        assert_eq!(denied, Some(io::ErrorKind::PermissionDenied));
        let denied = after(deny_tcp, || TcpListener::bind("127.0.0.1:0").map(drop));
        assert_eq!(denied, Some(io::ErrorKind::PermissionDenied));
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn other_processes_get_no_signals() {
        let denied = after(deny_reaching_out, || Ok(kill(getppid(), None)?));
        assert_eq!(denied, Some(io::ErrorKind::PermissionDenied));
        kill(getppid(), None).unwrap();
    }
}
