//! What breakers promise, in Tokio's paused time.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod breaker;
