//! What the cache promises, on a real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod cache;
mod faults;
mod interleavings;
mod live;
mod near;
mod rate;
mod support;
