//! From the outbox to the broker and the cache.

mod invalidator;
mod relay;
mod wakeups;

pub use invalidator::Invalidator;
pub use relay::Relay;
pub use wakeups::{Wakeup, Wakeups};
