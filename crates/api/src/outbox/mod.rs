//! From the outbox to the broker.

mod relay;

pub use relay::{Relay, RelayConfig};
