//! The broker crate against a real RabbitMQ, sometimes through a proxy that misbehaves on request.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails a helper fails its test"
)]

mod backfill;
mod bench;
mod blocked;
mod consumer;
mod dead_letters;
mod log;
mod proxy;
mod publisher;
mod retry;
mod supervisor;
mod survivors;
mod suspects;
mod topology;
