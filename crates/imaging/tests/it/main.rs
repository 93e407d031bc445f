//! What is promised of pictures, on fixtures made by code and on a photograph of the project.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made must fail the test"
)]

mod bombs;
mod colours;
mod corpus;
mod fixtures;
mod frames;
mod hostile;
mod inks;
mod limits;
mod measure;
mod memory;
mod planes;
mod render;
mod riff;
mod traps;
mod variants;
