//! Descriptors that came from the worker's own parents: the worker opens none that a child would inherit.

use std::{fs, io, os::fd::RawFd};

use nix::{errno::Errno, unistd::close};

/// Standard input, output and error.
const STANDARD: RawFd = 3;

/// Closes every descriptor but the three standard ones.
pub(super) fn close_inherited() -> io::Result<()> {
    // The list is complete, and its own descriptor closed, before the first of the others is.
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor >= STANDARD)
        .collect();
    for descriptor in open {
        match close(descriptor) {
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
