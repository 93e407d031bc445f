//! What was once written to a queue can be read for ever.
//!
//! A golden file is `TYPE.json` or, for another shape of the same type, `TYPE.SHAPE.json`. Files are added, never
//! changed: a version of which the files have to change is a new version.

#![expect(clippy::unwrap_used, reason = "what fails a helper fails its test")]

mod body;
mod envelope;
mod golden;
