//! What a shop sees of the whole system, also while parts of it die.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, and say why"
)]

mod chaos;
mod examples;
mod faults;
mod flow;
mod identical;
mod killer;
mod reprocess;
mod settings;
mod sources;
mod upload;
mod workers;
