//! What breakers promise, in Tokio's paused time.

mod breaker;
