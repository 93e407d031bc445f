//! The crate as the binaries see it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed test may panic, in its helpers as well"
)]

mod logging;
mod settings;
mod shutdown;
