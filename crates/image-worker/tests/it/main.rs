//! The worker on a real RabbitMQ and S3, against web servers that misbehave.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, and say why"
)]

mod addresses;
mod backfill;
mod binary;
mod bounds;
mod crashes;
mod fetch;
mod guard;
mod hosts;
mod jobs;
mod outages;
mod overlap;
mod place;
mod purge;
mod renderer;
mod stage;
