//! What the object store promises, on a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod credentials;
mod faults;
mod file;
mod objects;
