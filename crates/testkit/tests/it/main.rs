//! What tests may rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod line;
mod origin;
mod process;
mod rooms;
